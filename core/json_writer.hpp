// Writes JSON into a string or any buffer with append(const char*, size_t). Commas and quotes are its business.
// Keys are literals of ours and are not escaped; text values are. No allocation of its own.
#pragma once
#include <charconv>
#include <cstdint>
#include <string_view>

#include "core/time.hpp"

namespace core {

template <class Out>
class JsonWriter {
 public:
  explicit JsonWriter(Out& out) : out_{out} {}
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name) {
    comma();
    put("\""), put(name), put("\":");
    first_ = true;  // the value that follows takes no comma
    return *this;
  }
  JsonWriter& text(std::string_view value) {
    comma();
    put("\""), escape(value), put("\"");
    return *this;
  }
  JsonWriter& integer(int64_t value) {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return raw({digits, static_cast<std::size_t>(end - digits)});
  }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& instant(int64_t instant_ms) {
    char digits[rfc3339_bytes];
    format_rfc3339(instant_ms, digits);
    comma();
    put("\""), put({digits, sizeof digits}), put("\"");
    return *this;
  }
  JsonWriter& raw(std::string_view json) {  // already JSON
    comma();
    put(json);
    return *this;
  }
  // key and value at once
  JsonWriter& member(std::string_view name, std::string_view value) { return key(name).text(value); }
  JsonWriter& member(std::string_view name, const char* value) { return key(name).text(value); }
  JsonWriter& member(std::string_view name, int64_t value) { return key(name).integer(value); }
  JsonWriter& member(std::string_view name, int value) { return key(name).integer(value); }
  JsonWriter& member(std::string_view name, bool value) { return key(name).boolean(value); }

 private:
  void put(std::string_view text) { out_.append(text.data(), text.size()); }
  void comma() {
    if (!first_) put(",");
    first_ = false;
  }
  JsonWriter& open(char bracket) {
    comma();
    put({&bracket, 1});
    first_ = true;
    return *this;
  }
  JsonWriter& close(char bracket) {
    put({&bracket, 1});
    first_ = false;
    return *this;
  }
  void escape(std::string_view value) {
    std::size_t plain = 0;
    for (std::size_t at = 0; at < value.size(); ++at) {
      auto c = static_cast<unsigned char>(value[at]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      put(value.substr(plain, at - plain));
      plain = at + 1;
      const char hex[] = "0123456789abcdef";
      const char escaped[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
      put({escaped, 6});
    }
    put(value.substr(plain));
  }
  Out& out_;
  bool first_ = true;
};

}  // namespace core
