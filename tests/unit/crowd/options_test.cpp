#include "perf/crowd/options.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

core::Checked<crowd::Options> read(std::vector<const char*> arguments,
                                   std::map<std::string, std::string> variables = {}) {
  return crowd::read_options(arguments, [&](const char* name) {
    auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("options: the environment fills in, the command line wins") {
  auto options =
      read({"--buyers", "7", "--pg=host=here"},
           {{"ONSALE_ADMIN_TOKEN", "secret"}, {"ONSALE_PG_DSN", "host=there"}, {"ONSALE_URL", "http://a:1"}});
  REQUIRE(options);
  CHECK(options->buyers == 7);
  CHECK(options->pg_dsn == "host=here");
  CHECK(options->admin_token == "secret");
  CHECK(options->url == "http://a:1");
}

TEST_CASE("options: a misspelt option is named, not ignored") {
  auto options = read({"--byers", "7"});
  CHECK(options.problem.find("--byers") != std::string::npos);
}

TEST_CASE("options: a number that is none, an option without its value") {
  CHECK(read({"--seats", "many"}).problem.find("--seats") != std::string::npos);
  CHECK(read({"--seats", "-1"}).problem.find("--seats") != std::string::npos);
  CHECK(read({"--seats"}).problem.find("--seats") != std::string::npos);
  CHECK(read({"--kafka-kind", "imaginary"}).problem.find("--kafka-kind") != std::string::npos);
}

TEST_CASE("options: a sale that cannot be verified does not start") {
  CHECK(read({"--admin-token", "t"}).problem.find("--pg") != std::string::npos);
  CHECK(read({"--admin-token", "t", "--pg", "x", "--kafka-kind", "real"}).problem.find("--kafka") != std::string::npos);
  CHECK(read({"--admin-token", "t", "--pg", "x", "--seats", "0", "--standing", "0"}).problem != "");
}

TEST_CASE("options: help needs nothing else") {
  auto options = read({"--help"});
  REQUIRE(options);
  CHECK(options->help_wanted);
  CHECK(crowd::usage().find("ONSALE_KAFKA_BROKERS") != std::string::npos);
}
