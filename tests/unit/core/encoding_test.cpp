#include "core/encoding.hpp"

#include <doctest/doctest.h>

#include "core/hash.hpp"

namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string bytes(core::base64url_bytes_max(text.size()) + 1, '#');
  const auto size = core::from_base64url(text, bytes.data());
  CHECK(bytes.back() == '#');  // nothing is written behind the promised room
  if (!size) return std::nullopt;
  return bytes.substr(0, *size);
}

std::string bytes_of(std::size_t size) {
  std::string bytes;
  for (std::size_t at = 0; at < size; ++at) bytes += static_cast<char>(at * 37 + size);
  return bytes;
}

}  // namespace

TEST_CASE("bytes of every length survive base64url and hex") {
  for (std::size_t size = 0; size < 130; ++size) {
    CAPTURE(size);
    const auto bytes = bytes_of(size);
    CHECK(core::base64url(bytes).size() == core::base64url_size(size));
    CHECK(decoded(core::base64url(bytes)) == bytes);
    CHECK(core::from_hex(core::hex(bytes)) == bytes);
  }
}

TEST_CASE("the vectors of RFC 4648, without padding") {
  CHECK(core::base64url("") == "");
  CHECK(core::base64url("f") == "Zg");
  CHECK(core::base64url("fo") == "Zm8");
  CHECK(core::base64url("foo") == "Zm9v");
  CHECK(core::base64url("foobar") == "Zm9vYmFy");
  CHECK(core::base64url("\xfb\xff\xbf") == "-_-_");
}

TEST_CASE("a second spelling of the same bytes is refused") {
  CHECK(decoded("Zg") == "f");
  for (const auto* text :
       {"Zh", "Zv", "Zm9", "Zg==", "Zg=", "Zm8=", "Z", "Zm9vY", "Zm 9v", "Zm9v\n", "+/+/", "Zm9\xff"}) {
    CAPTURE(text);
    CHECK_FALSE(decoded(text).has_value());
  }
}

TEST_CASE("hex is read in either case and refused when it is none") {
  CHECK(core::hex("\x01\xab\xff") == "01abff");
  CHECK(core::from_hex("01ABff") == "\x01\xab\xff");
  for (const auto* text : {"0", "0g", "g0", "0x", " 0", "01a"}) CHECK_FALSE(core::from_hex(text).has_value());
}

TEST_CASE("constant-time comparison finds a difference at every place") {
  const auto a = bytes_of(40);
  CHECK(core::equal_constant_time(a, a));
  for (std::size_t at = 0; at < a.size(); ++at) {
    auto b = a;
    b[at] = static_cast<char>(b[at] ^ 0x80);
    CHECK_FALSE(core::equal_constant_time(a, b));
  }
  CHECK_FALSE(core::equal_constant_time(a, a.substr(1)));
  CHECK(core::equal_constant_time("", ""));
}

TEST_CASE("FNV-1a agrees with its published vectors") {
  static_assert(core::fnv1a("") == 0xcbf29ce484222325);
  static_assert(core::fnv1a("a") == 0xaf63dc4c8601ec8c);
  static_assert(core::fnv1a("foobar") == 0x85944171f73967e8);
  CHECK(core::fnv1a("\xff") != core::fnv1a("\x7f"));
}
