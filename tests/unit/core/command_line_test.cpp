#include "core/command_line.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

namespace {

namespace option = core::option;

enum class Colour : uint8_t { red, green };
constexpr std::string_view colours[] = {"red", "green"};

struct Options {
  uint32_t count = 5;
  uint64_t seed = 0;
  double rate = 1.5;
  uint16_t port = 80;
  std::string name = "ada", remark = "none";
  Colour colour = Colour::red;
};

// A program with one option of each kind, and what one run of it reads.
struct Program {
  explicit Program(std::vector<const char*> words, const std::map<std::string, std::string>& variables = {}) {
    line.add("--count", "N", "of things", option::number(options.count, 1, 9), "THING_COUNT");
    line.add("--seed", "N", "of chance", option::number(options.seed).otherwise("a fresh one"));
    line.add("--rate", "R", "of things", option::decimal(options.rate, 0.5, 100));
    line.add("--port", "P", "to listen on", option::port(options.port));
    line.add("--name", "NAME", "of a person", option::text(options.name), "THING_NAME");
    line.add("--remark", "TEXT", "or nothing", option::text_or_empty(options.remark), "THING_REMARK");
    line.add("--colour", "red|green", "of a thing", option::word(colours, options.colour));
    problem = line.read(words,
                        [&](const char* name) {
                          const auto found = variables.find(name);
                          return found == variables.end() ? nullptr : found->second.c_str();
                        })
                  .problem;
  }

  Options options;
  core::CommandLine line{{"thing", "does things", "0 done, 2 not understood"}};
  std::string problem;
};

std::string problem(std::vector<const char*> words) { return Program{std::move(words)}.problem; }

}  // namespace

TEST_CASE("command line: both ways to say a value are the same, and the last one said counts") {
  const Program program{{"--count", "2", "--count=3", "--name", "--seed", "--rate=2.5", "--colour", "green"}};
  REQUIRE(program.problem.empty());
  CHECK(program.options.count == 3);
  CHECK(program.options.name == "--seed");
  CHECK(program.options.rate == 2.5);
  CHECK(program.options.colour == Colour::green);
  CHECK(program.options.port == 80);
}

TEST_CASE("command line: an empty value does not swallow the option behind it") {
  const Program program{{"--remark=", "--count", "7"}};
  REQUIRE(program.problem.empty());
  CHECK(program.options.remark.empty());
  CHECK(program.options.count == 7);
  CHECK(problem({"--name=", "--count", "7"}) == "--name must be something, not \"\"");
}

TEST_CASE("command line: a number is never read as another one than was written") {
  CHECK(Program{{"--count", "08"}}.options.count == 8);
  CHECK(Program{{"--seed", "18446744073709551615"}}.options.seed == UINT64_MAX);
  for (const auto* text : {"", " 7", "7 ", "+7", "-1", "0x7", "7.0", "1e0", "0", "10", "4294967297"}) {
    CAPTURE(text);
    CHECK(problem({"--count", text}).starts_with("--count must be a number from 1 to 9, not"));
  }
  CHECK_FALSE(problem({"--seed", "-1"}).empty());
  CHECK_FALSE(problem({"--seed", "18446744073709551616"}).empty());
  CHECK_FALSE(problem({"--port", "65536"}).empty());
  for (const auto* text : {"", "nan", "inf", "0.4", "100.1", "2,5"}) {
    CAPTURE(text);
    CHECK(problem({"--rate", text}).starts_with("--rate must be a number from 0.5 to 100"));
  }
}

TEST_CASE("command line: what cannot be understood is named, with what was probably meant") {
  CHECK(problem({"--cuont", "7"}) == "unknown option --cuont; did you mean --count?");
  CHECK(problem({"--cuont=7"}) == "unknown option --cuont; did you mean --count?");
  CHECK(problem({"--hlep"}) == "unknown option --hlep; did you mean --help?");
  CHECK(problem({"thing"}) == "unknown option thing");
  CHECK(problem({""}) == "unknown option ");
  CHECK(problem({"--name", "x", "--count"}) == "--count needs a value");
  CHECK(problem({"--colour", "blue"}) == "--colour must be one of red, green, not \"blue\"");
}

TEST_CASE("command line: it wins over the environment, which wins over the default") {
  const Program program{{"--count", "2"}, {{"THING_COUNT", "3"}, {"THING_NAME", "grace"}}};
  REQUIRE(program.problem.empty());
  CHECK(program.options.count == 2);
  CHECK(program.options.name == "grace");
  CHECK(program.options.remark == "none");
  CHECK(Program{{"--remark="}, {{"THING_REMARK", "some"}}}.options.remark.empty());
}

TEST_CASE("command line: an empty variable is one that is not set") {
  const Program program{{}, {{"THING_COUNT", ""}, {"THING_REMARK", ""}}};
  REQUIRE(program.problem.empty());
  CHECK(program.options.count == 5);
  CHECK(program.options.remark == "none");
}

TEST_CASE("command line: a bad variable is named, and is no obstacle to saying it right or to asking for help") {
  const std::map<std::string, std::string> bad = {{"THING_COUNT", "many"}};
  CHECK(Program{{}, bad}.problem == "THING_COUNT must be a number from 1 to 9, not \"many\"");
  CHECK(Program{{"--count", "2"}, bad}.problem.empty());
  const Program helped{{"--help"}, bad};
  CHECK(helped.problem.empty());
  CHECK(helped.line.help_wanted());
}

TEST_CASE("command line: help has every option with its default and variable, and ends with the exit statuses") {
  const Program program{{"--count", "2", "-h", "--nonsense"}};
  CHECK(program.line.help_wanted());
  CHECK(Program{{}}.line.usage() == R"(thing: does things

usage: thing [option value]...

  --count N                   of things; default 5 [THING_COUNT]
  --seed N                    of chance; default a fresh one
  --rate R                    of things; default 1.5
  --port P                    to listen on; default 80
  --name NAME                 of a person; default ada [THING_NAME]
  --remark TEXT               or nothing; default none [THING_REMARK]
  --colour red|green          of a thing; default red
  --help                      this page

exit status: 0 done, 2 not understood
)");
}
