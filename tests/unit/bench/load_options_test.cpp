#include "perf/bench/load_options.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "perf/bench/bare_options.hpp"

namespace {

core::Checked<bench::LoadOptions> read(std::vector<const char*> more) {
  std::vector<const char*> words = {"--target", "127.0.0.1:8080", "--requests", "file"};
  words.insert(words.end(), more.begin(), more.end());
  return bench::read_load_options(words);
}

std::string problem(std::vector<const char*> more) { return read(std::move(more)).problem; }

}  // namespace

TEST_CASE("load: what is said is what is done, and what is not said is said in --help") {
  const auto options = read({"--rate=100.5", "--arrivals", "poisson", "--seed", "7", "--cpu", "1,3", "--pipeline", "16",
                             "--expect", "200,4xx"});
  REQUIRE(options);
  CHECK(options.value->address.text() == "127.0.0.1");
  CHECK(options.value->port == 8080);
  CHECK(options.value->rate == 100.5);
  CHECK(options.value->arrivals == bench::Arrivals::poisson);
  CHECK(options.value->seed == 7);
  CHECK(options.value->cpus == std::vector<uint32_t>{1, 3});
  CHECK(options.value->expect[200]);
  CHECK_FALSE(options.value->expect[201]);
  CHECK(options.value->expect[404]);
  CHECK_FALSE(options.value->expect[500]);
  CHECK(options.value->warm_up_seconds == 1);
  CHECK(bench::load_usage().find("--connect-seconds") != std::string::npos);
}

TEST_CASE("load: requests that are sent once are not spent on warming up") {
  CHECK(read({"--order", "once"}).value->warm_up_seconds == 0);
  CHECK(read({"--order", "once", "--warm-up-seconds", "0.5"}).value->warm_up_seconds == 0.5);
}

TEST_CASE("load: a fresh seed is drawn, so that the report can name it") { CHECK(read({}).value->seed != 0); }

TEST_CASE("load: a mistyped option is named with the likely one") {
  CHECK(problem({"--conections", "7"}) == "unknown option --conections; did you mean --connections?");
  CHECK(problem({"--xyz", "7"}) == "unknown option --xyz");
  CHECK(problem({"--rate"}) == "--rate needs a value");
}

TEST_CASE("load: a value that does not fit says what would") {
  CHECK(problem({"--pipeline", "0"}) == "--pipeline must be a number from 1 to 1024, not \"0\"");
  CHECK(problem({"--rate", "fast"}).starts_with("--rate must be a number from"));
  CHECK(problem({"--rate", "nan"}).starts_with("--rate must be a number from"));
  CHECK(problem({"--seconds", "-1"}).starts_with("--seconds must be a number from"));
  CHECK(problem({"--order", "twice"}) == "--order must be one of cycle, once, not \"twice\"");
  CHECK(problem({"--expect", "2xy"}).starts_with("--expect must be statuses"));
  CHECK(problem({"--expect", "100"}).starts_with("--expect must be statuses"));
  CHECK(problem({"--expect", "6xx"}).starts_with("--expect must be statuses"));
  CHECK(problem({"--expect", ""}).starts_with("--expect must be statuses"));
  CHECK(problem({"--cpu", "1,"}).starts_with("--cpu must be processors"));
  for (const auto* target : {"localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", ":80"}) {
    CAPTURE(target);
    CHECK(problem({"--target", target}).starts_with("--target must be ADDRESS:PORT"));
  }
  CHECK(read({"--target", "[::1]:80"}).value->address.text() == "::1");
}

TEST_CASE("load: a run that makes no sense does not start") {
  CHECK(bench::read_load_options({}).problem == "--target ADDRESS:PORT is needed");
  CHECK(problem({"--connections", "0"}).find("no connection") != std::string::npos);
  CHECK(problem({"--spread", "2", "--target", "10.0.0.1:80"}).find("loopback") != std::string::npos);
  CHECK(problem({"--arrivals", "poisson"}).find("--rate") != std::string::npos);
  CHECK(problem({"--threads", "4", "--connections", "3"}).find("--threads") != std::string::npos);
  const std::vector<const char*> silent = {"--target", "127.0.0.1:1", "--connections", "0", "--idle-connections", "5"};
  CHECK(bench::read_load_options(silent));
  const std::vector<const char*> nothing_to_ask = {"--target", "127.0.0.1:1"};
  CHECK(bench::read_load_options(nothing_to_ask).problem.find("--requests") != std::string::npos);
}

TEST_CASE("bare: its options are as strict") {
  const std::vector<const char*> good = {"--port", "0", "--body-bytes", "200"}, bad = {"--prot", "80"};
  const auto options = bench::read_bare_options(good);
  REQUIRE(options);
  CHECK(options.value->body_bytes == 200);
  CHECK(bench::read_bare_options(bad).problem == "unknown option --prot; did you mean --port?");
}
