#include "core/text_buffer.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "core/json_writer.hpp"

TEST_CASE("what was appended is there, in any pieces") {
  core::TextBuffer buffer;
  std::string expected;
  for (int at = 0; at < 1000; ++at) {
    const std::string piece(static_cast<std::size_t>(at % 7), static_cast<char>('a' + at % 26));
    buffer.append(piece);
    buffer.push_back('.');
    expected += piece + '.';
  }
  CHECK(buffer.view() == expected);
  buffer.append(nullptr, 0);
  CHECK(buffer.size() == expected.size());
}

TEST_CASE("clearing keeps the room, so the second use takes no memory") {
  core::TextBuffer buffer;
  buffer.append(std::string(5000, 'x'));
  const auto capacity = buffer.capacity();
  const auto* bytes = buffer.view().data();
  buffer.clear();
  CHECK(buffer.empty());
  buffer.append(std::string(5000, 'y'));
  CHECK(buffer.capacity() == capacity);
  CHECK(buffer.view().data() == bytes);
}

TEST_CASE("bytes written into the room count once they are committed") {
  core::TextBuffer buffer{8};
  buffer.append("ab");
  std::memcpy(buffer.room(100), "cdef", 4);
  CHECK(buffer.view() == "ab");
  buffer.commit(4);
  CHECK(buffer.view() == "abcdef");
}

TEST_CASE("a moved-from buffer is empty and can be used") {
  core::TextBuffer first;
  first.append("text");
  core::TextBuffer second{std::move(first)};
  CHECK(second.view() == "text");
  first.append("new");  // NOLINT: that it may be used is the point
  CHECK(first.view() == "new");
  second = std::move(first);
  CHECK(second.view() == "new");
  first.append("again");  // NOLINT
  CHECK(first.view() == "again");
}

TEST_CASE("JSON is written into it, hostile text included") {
  core::TextBuffer buffer;
  core::JsonWriter json{buffer};
  json.begin_object().member("text", std::string_view{"a\"\\\n\0\x1f", 6}).key("list").begin_array();
  json.integer(-1).boolean(true).null().instant(0).end_array().end_object();
  CHECK(buffer.view() ==
        R"({"text":"a\u0022\u005c\u000a\u0000\u001f","list":[-1,true,null,"1970-01-01T00:00:00.000Z"]})");
}
