#include "app/config.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/app/secrets_folder.hpp"

namespace {

constexpr std::string_view minimal = R"([operations]
admin_token_file = "token"
[postgres]
dsn = "host=/run/postgresql"
[identity]
mode = "anonymous"
[tokens]
keys_file = "keys"
)";

core::Checked<app::Config> parse(const SecretsFolder& folder, std::string_view text) {
  return app::parse_config(text, "onsaled.toml", folder.path());
}

std::string problem_with(std::string_view more) {
  const SecretsFolder folder;
  return parse(folder, std::string{minimal} + std::string{more}).problem;
}

bool says(std::string_view problem, std::string_view words) { return problem.find(words) != problem.npos; }

}  // namespace

TEST_CASE("the least configuration has defaults for all the rest") {
  const SecretsFolder folder;
  auto config = parse(folder, minimal);
  REQUIRE_MESSAGE(config, config.problem);
  CHECK(config->server.port == 8080);
  CHECK(config->server.workers >= 1);
  CHECK(config->operations.address == "127.0.0.1");
  CHECK(config->operations.admin_token == "0123456789abcdef0123");
  CHECK(config->redis.port == 6379);
  CHECK(config->postgres.dsn == "host=/run/postgresql");
  CHECK(config->kafka.brokers.empty());
  CHECK(config->identity.header == "Onsale-User");
  CHECK(config->confirm.deadline_ms == core::limits::confirm_ms_max);
  CHECK(config->log.level == core::LogLevel::info);
  CHECK(config->warnings.empty());
}

TEST_CASE("every key is read") {
  const SecretsFolder folder;
  auto config = parse(folder, R"(
server = {address = "::1", port = 1, workers = 3, connections_max = 9}
operations = {address = "192.0.2.1", port = 65535, admin_token_file = "token"}
redis = {unix_path = "/run/redis.sock", username = "onsale", password_file = "password"}
postgres = {dsn_file = "password", writers = 5}
kafka = {brokers = "a:1,b:2", replication = 3}
identity = {mode = "header", header = "X-User", trusted_proxies = ["10.0.0.0/8", "::1"]}
tokens = {keys_file = "keys"}
payments = {mode = "trusted"}
confirm = {deadline = "250ms"}
log = {format = "json", level = "debug"}
)");
  REQUIRE_MESSAGE(config, config.problem);
  CHECK(config->server.address == "::1");
  CHECK(config->server.port == 1);
  CHECK(config->server.workers == 3);
  CHECK(config->server.connections_max == 9);
  CHECK(config->operations.port == 65535);
  CHECK(config->redis.unix_path == "/run/redis.sock");
  CHECK(config->redis.password == "p w");
  CHECK(config->postgres.dsn == "p w");
  CHECK(config->postgres.writers == 5);
  CHECK(config->kafka.brokers == "a:1,b:2");
  CHECK(config->kafka.replication == 3);
  CHECK(config->identity.mode == app::IdentityMode::header);
  REQUIRE(config->identity.trusted_proxies.size() == 2);
  CHECK(config->identity.trusted_proxies[0].contains(*net::IpAddress::parse("10.9.8.7")));
  CHECK(config->confirm.deadline_ms == 250);
  CHECK(config->log.format == core::LogFormat::json);
}

TEST_CASE("an unknown key names its place and the likely spelling") {
  CHECK(problem_with("[server]\nprot = 80\n") ==
        "onsaled.toml:10:1: unknown key \"prot\" in [server]; did you mean \"port\"?");
  CHECK(problem_with("[sever]\nport = 80\n") == "onsaled.toml:9:2: unknown section [sever]; did you mean \"server\"?");
  CHECK(problem_with("[log]\nsomething_else = 1\n") == "onsaled.toml:10:1: unknown key \"something_else\" in [log]");
  CHECK(says(parse(SecretsFolder{}, "port = 80\n" + std::string{minimal}).problem,
             "onsaled.toml:1:1: unknown key \"port\" outside"));
}

TEST_CASE("all problems are told at once, in the order of the file") {
  const auto problem = problem_with("[server]\nport = \"80\"\nworkers = -1\n[log]\nlevel = \"loud\"\n");
  CHECK(problem ==
        "onsaled.toml:10:8: server.port must be an integer from 1 to 65535\n"
        "onsaled.toml:11:11: server.workers must be an integer from 0 to 256\n"
        "onsaled.toml:13:9: log.level must be \"debug\" or \"info\" or \"warning\" or \"error\"");
}

TEST_CASE("a wrong type, a value out of range and a missing unit are named") {
  struct Sample {
    const char *text, *words;
  };
  for (const auto& [text, words] : std::initializer_list<Sample>{
           {"[server]\nport = 0\n", "server.port must be an integer from 1 to 65535"},
           {"[server]\nport = 80.5\n", "server.port must be an integer"},
           {"[server]\nport = true\n", "server.port must be an integer"},
           {"[server]\naddress = \"localhost\"\n", "server.address must be an IPv4 or IPv6 address"},
           {"[server]\naddress = 7\n", "server.address must be a text in quotes"},
           {"[redis]\nhost = \"\"\n", "redis.host must be a name"},
           {"[redis]\nunix_path = \"/a\"\nport = 1\n", "redis.unix_path must not stand beside host or port"},
           {"[redis]\nusername = \"u\"\n", "redis.username needs a password_file"},
           {"[kafka]\nbrokers = \"host\"\n", "kafka.brokers must be"},
           {"[kafka]\nbrokers = \"a:1,\"\n", "kafka.brokers must be"},
           {"[kafka]\nbrokers = \":1\"\n", "kafka.brokers must be"},
           {"[kafka]\nbrokers = \"a:b\"\n", "kafka.brokers must be"},
           {"[kafka]\nbrokers = [\"a:1\"]\n", "kafka.brokers must be a text"},
           {"[kafka]\nreplication = 0\n", "kafka.replication must be"},
           {"[payments]\nmode = \"webhook\"\n", "payments.mode must be \"trusted\""},
           {"[confirm]\ndeadline = 250\n", "confirm.deadline must be a duration with its unit"},
           {"[confirm]\ndeadline = \"250\"\n", "confirm.deadline must be a duration with its unit"},
           {"[confirm]\ndeadline = \"1h\"\n", "confirm.deadline must be from \"10ms\" to \"30000ms\""},
           {"[confirm]\ndeadline = [1]\n", "confirm.deadline must be a duration"},
           {"[[log]]\nlevel = \"info\"\n", "\"log\" must be a section"},
           {"[log]\nlevel = 1\n", "log.level must be"},
           {"[server]\nport = 1\nport = 2\n", "onsaled.toml:11:"},
           {"[server\n", "onsaled.toml:9:"}}) {
    CAPTURE(text);
    const auto problem = problem_with(text);
    CHECK_MESSAGE(says(problem, words), problem);
  }
}

TEST_CASE("what must be decided by people has no default") {
  const SecretsFolder folder;
  const auto problem = parse(folder, "").problem;
  CHECK(says(problem, "[operations] lacks the key \"admin_token_file\""));
  CHECK(says(problem, "[postgres] lacks the key \"dsn\""));
  CHECK(says(problem, "[identity] lacks the key \"mode\""));
  CHECK(says(problem, "[tokens] lacks the key \"keys_file\""));
}

TEST_CASE("a header nobody may send is no identity") {
  const SecretsFolder folder;
  auto with_identity = [&](const std::string& keys) {
    auto text = std::string{minimal};
    text.replace(text.find("mode = \"anonymous\""), 18, keys);
    return parse(folder, text).problem;
  };
  CHECK(says(with_identity("mode = \"header\""), "needs trusted_proxies"));
  CHECK(says(with_identity("mode = \"header\"\ntrusted_proxies = []"), "needs trusted_proxies"));
  CHECK(says(with_identity("mode = \"header\"\ntrusted_proxies = [\"10.0.0.0/33\"]"),
             "trusted_proxies must hold addresses"));
  CHECK(says(with_identity("mode = \"header\"\ntrusted_proxies = [7]"), "trusted_proxies must hold addresses"));
  CHECK(says(with_identity("mode = \"header\"\ntrusted_proxies = \"::1\""), "must be an array"));
  CHECK(says(with_identity("mode = \"jwt\""), "identity.mode must be \"header\" or \"anonymous\""));
  CHECK(says(with_identity("mode = \"anonymous\"\nheader = \"a b\""), "identity.header must be the name of a header"));
}

TEST_CASE("a secret that cannot be used stops the start and is never shown") {
  const SecretsFolder folder;
  auto problem = [&] { return parse(folder, minimal).problem; };
  folder.write("token", "short\n");
  CHECK(says(problem(), "token\", which must hold a token of at least 16 visible characters"));
  CHECK_FALSE(says(problem(), "short"));
  folder.write("token", "a token with blanks in it\n");
  CHECK(says(problem(), "must hold a token"));
  folder.write("token", "");
  CHECK(says(problem(), "must hold a token"));
  std::filesystem::remove(folder.path("token"));
  CHECK(says(problem(), "No such file or directory"));
  std::filesystem::create_directory(folder.path("token"));
  CHECK(says(problem(), "is no regular file"));
  std::filesystem::remove(folder.path("token"));
  folder.write("token", std::string(2'000'000, 'x'));
  CHECK(says(problem(), "has more than"));
  folder.write("token", "0123456789abcdef");
  folder.write("keys", "1:abcdef0123456789\n");
  CHECK(says(problem(), "keys_file names a file that cannot be used: line 1 has a secret of 8 bytes"));
  CHECK_FALSE(says(problem(), "abcdef0123456789"));
}

TEST_CASE("a secret everybody may read is a warning") {
  const SecretsFolder folder;
  folder.write("keys", "7:" + std::string(64, 'a'), 0644);
  auto config = parse(folder, minimal);
  REQUIRE(config);
  REQUIRE(config->warnings.size() == 1);
  CHECK(says(config->warnings[0], folder.path("keys")));
}

TEST_CASE("a file is loaded with its secrets beside it; one that cannot be read is named") {
  const SecretsFolder folder;
  folder.write("onsaled.toml", std::string{minimal});
  auto config = app::load_config(folder.path("onsaled.toml"));
  REQUIRE_MESSAGE(config, config.problem);
  CHECK(config->tokens.keys.size() == 1);
  CHECK(app::load_config(folder.path("missing")).problem == folder.path("missing") + ": No such file or directory");
  CHECK(app::load_config(folder.path()).problem == folder.path() + ": is no regular file");
  folder.write("bad.toml", "[log]\nlevle = 1\n");
  CHECK(
      says(app::load_config(folder.path("bad.toml")).problem, folder.path("bad.toml") + ":2:1: unknown key \"levle\""));
}

TEST_CASE("the effective configuration is TOML again and holds no secret") {
  const SecretsFolder folder;
  auto config =
      parse(folder, std::string{minimal} + "[redis]\npassword_file = \"password\"\n[confirm]\ndeadline = \"3s\"\n");
  REQUIRE_MESSAGE(config, config.problem);
  const auto text = app::effective_config(*config);
  CHECK(says(text, "deadline = \"3000ms\""));
  for (const auto* secret : {"0123456789abcdef", "aaaaaaaa", "p w", "/run/postgresql"}) CHECK_FALSE(says(text, secret));
  // Read again it lacks but what people must give, and knows every key.
  const auto again = parse(folder, text).problem;
  CHECK_FALSE(says(again, "unknown"));
  CHECK_FALSE(says(again, "must be"));
}

TEST_CASE("durations need their unit") {
  CHECK(app::parse_duration_ms("0ms") == 0);
  CHECK(app::parse_duration_ms("250ms") == 250);
  CHECK(app::parse_duration_ms("2s") == 2000);
  CHECK(app::parse_duration_ms("5m") == 300'000);
  CHECK(app::parse_duration_ms("1h") == 3'600'000);
  for (const auto* text : {"", "1", "ms", "-1s", "1.5s", "1 s", " 1s", "1s ", "1S", "1d", "+1s", "9223372036854775807h",
                           "99999999999999999999ms"}) {
    CAPTURE(text);
    CHECK_FALSE(app::parse_duration_ms(text).has_value());
  }
}

TEST_CASE(
    "a character beyond ASCII outside of quotes is refused with its place, where toml++ would look it up in vain") {
  for (const auto* character :
       {"\xc2\xa1", "\xca\xa4", "\xe2\xb1\xb0", "\xef\xa9\xa6", "\xef\xb8\xbf", "\xef\xbb\xbe"}) {
    CAPTURE(character);
    CHECK(says(problem_with(std::string{"[log]\n "} + character), "onsaled.toml:10:2:"));
    CHECK(says(problem_with(std::string{"[log]\nlevel = 1"} + character), "onsaled.toml:10:10:"));
    CHECK(says(problem_with(std::string{"[log]\nlevel = \"\\"} + character + "\""), "onsaled.toml:10:"));
    CHECK(problem_with(std::string{"# "} + character + "\n[redis]\nunix_path = \"\"\" \\ \n" + character +
                       "\"\"\"\n") == "");
  }
}

TEST_CASE("a table header without a name is refused with its place, also where toml++ assumes one") {
  for (const auto* line : {"[{]", "[=]", "[[{]]", "[ "}) {
    CAPTURE(line);
    CHECK(says(problem_with(std::string{line} + "\n"), "onsaled.toml:9:"));
  }
}

TEST_CASE("a host that would end at its NUL when it is looked up is refused") {
  CHECK(says(problem_with("[redis]\nhost = \"redis\\u0000.example\"\n"), "redis.host must be a name or an address"));
}

TEST_CASE("a line end in a key does not begin a line of its own in the problem") {
  CHECK(problem_with("[log]\n\"a\\nb\" = 1\n") == "onsaled.toml:10:1: unknown key \"a?b\" in [log]");
}

TEST_CASE("the values in force are TOML whatever stands in them") {
  const SecretsFolder folder;
  const auto config = parse(folder, std::string{minimal} +
                                        "[redis]\nhost = 'a\"b\\'\nusername = \"\"\n"
                                        "[kafka]\nbrokers = \"a\\u0001b:1\"\n");
  REQUIRE_MESSAGE(config, config.problem);
  const auto text = app::effective_config(*config.value);
  CHECK(says(text, R"(host = "a\"b\\")"));
  CHECK(says(text, R"(brokers = "a\u0001b:1")"));
  CHECK_FALSE(says(parse(folder, text).problem, "host"));
}
