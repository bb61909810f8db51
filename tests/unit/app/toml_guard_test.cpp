#include "app/toml_guard.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

std::optional<std::size_t> find(std::string_view text) { return app::find_foreign_byte(text); }

}  // namespace

TEST_CASE("what toml++ cannot look up is found wherever it is not quoted") {
  CHECK(find("\xc3\xa9 = 1") == 0);
  CHECK(find("a = 1 \xca\xa4") == 6);
  CHECK(find("a = 1\n\t\xef\xb8\xbf") == 7);
  CHECK(find("[\xc2\xa0]") == 1);
  CHECK(find("a = '1' \xff") == 8);
  CHECK(find("a = \"\"\xc3\xa9") == 6);
  CHECK(find("a = \"\\\"\"\xc3\xa9") == 8);
  CHECK(find("a = '\\'\xc3\xa9") == 7);
  CHECK(find("a = \"\"\"x\"\"\"\"\"\xc3\xa9") == 13);  // two quotes of its own before the three that end it
  CHECK(find("a = ''''''\xc3\xa9") == 10);
  CHECK(find("# x\n\xc3\xa9") == 4);
  CHECK(find("a = \"open\n\xc3\xa9") == 10);
  CHECK(find(" \xef\xbb\xbf") == 1);
  CHECK(find("a = \"\\\xc3\xa9\"") == 6);
  CHECK(find("a = \"\"\"x \\ \n \xc3\xa9\"\"\"") == 13);
  CHECK(find("a = 0\"\xef\xb8\xbf\"") == 6);  // no text begins in the middle of a word
}

TEST_CASE("a text in the operator's language is none of it") {
  for (const auto* text : {"", "a = 1", "a = \"\xc3\xa9\" # \xc3\xa9\nb = '\xc3\xa9'\n",
                           "\xef\xbb\xbf"
                           "a = 1",
                           "\"\xc3\xa9\" = 1", "a = \"\"\"\n\xc3\xa9\"\n\"\" \\\"\"\" \xc3\xa9\"\"\"\n",
                           "a = '''\n\xc3\xa9\\'''\n", "# \xc3\xa9", "a = \"\xc3\xa9", "a = \"\\"}) {
    CAPTURE(text);
    CHECK_FALSE(find(text).has_value());
  }
}
