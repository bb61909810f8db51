#include "core/json_reader.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>

namespace core {

namespace dom = simdjson::dom;

// The whole-document parser, not the on-demand one: that would leave what nobody asks for unchecked.
struct JsonReader::Document {
  dom::parser parser;
  dom::object root;
};

struct JsonReader::Found : std::optional<dom::element> {
  using optional::optional;
};

JsonReader::JsonReader() : document_{std::make_unique<Document>()} {}
JsonReader::~JsonReader() = default;

bool JsonReader::parse(std::string_view body) {
  problem_.clear();
  document_->root = dom::object{};
  dom::element root;
  if (const auto error = document_->parser.parse(body.data(), body.size()).get(root)) {
    problem_ = fmt::format("the body is not valid JSON: {}", simdjson::error_message(error));
  } else if (root.get(document_->root)) {
    problem_ = "the body must be a JSON object";
  }
  return good();
}

void JsonReader::fail(std::string_view path, std::string_view what) {
  if (good()) problem_ = fmt::format("{} {}", path, what);
}

namespace {

// What is stored, signed or printed somewhere must not carry a NUL or a line end there.
bool without_controls(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Counts every member of this name, so that the second is noticed wherever it stands.
std::optional<dom::element> member(dom::object object, std::string_view name, int& times) {
  std::optional<dom::element> found;
  for (const auto field : object) {
    if (field.key != name) continue;
    ++times;
    found = field.value;
  }
  return found && !found->is_null() ? found : std::nullopt;
}

}  // namespace

JsonReader::Found JsonReader::find(std::string_view path) {
  if (!good()) return {};
  dom::object object = document_->root;
  for (std::size_t begin = 0;;) {
    const auto dot = path.find('.', begin);
    const auto here = path.substr(0, dot);
    int times = 0;
    const auto found = member(object, here.substr(begin), times);
    if (times > 1) fail(here, "appears twice");
    if (!found || !good()) return {};
    if (dot == path.npos) return {*found};
    if (found->get(object)) {
      fail(here, "must be an object");
      return {};
    }
    begin = dot + 1;
  }
}

JsonReader::Found JsonReader::require(std::string_view path) {
  const auto found = find(path);
  if (!found) fail(path, "is missing");
  return found;
}

bool JsonReader::has(std::string_view path) { return find(path).has_value(); }

int64_t JsonReader::integer(std::string_view path, int64_t low, int64_t high) {
  return require(path) ? integer(path, low, high, low) : low;
}

int64_t JsonReader::integer(std::string_view path, int64_t low, int64_t high, int64_t absent) {
  const auto found = find(path);
  if (!found) return absent;
  int64_t value = 0;
  if (!found->get(value) && value >= low && value <= high) return value;
  fail(path, fmt::format("must be an integer from {} to {}", low, high));
  return absent;
}

std::string_view JsonReader::text(std::string_view path, std::size_t bytes_min, std::size_t bytes_max) {
  const auto found = require(path);
  if (!found) return {};
  std::string_view value;
  const bool fits = !found->get(value) && value.size() >= bytes_min && value.size() <= bytes_max;
  if (fits && without_controls(value)) return value;
  fail(path, fmt::format("must be a text of {} to {} bytes without control characters", bytes_min, bytes_max));
  return {};
}

bool JsonReader::boolean(std::string_view path, bool absent) {
  const auto found = find(path);
  bool value = absent;
  if (found && found->get(value)) fail(path, "must be true or false");
  return value;
}

std::size_t JsonReader::texts(std::string_view path, std::span<std::string_view> out) {
  const auto found = require(path);
  if (!found) return 0;
  dom::array items;
  if (found->get(items) || items.size() == 0 || items.size() > out.size()) {
    fail(path, fmt::format("must be an array of 1 to {} texts", out.size()));
    return 0;
  }
  std::size_t count = 0;
  for (const auto item : items) {
    if (item.get(out[count]) || !without_controls(out[count])) {
      fail(fmt::format("{}[{}]", path, count), "must be a text without control characters");
    }
    ++count;
  }
  return good() ? count : 0;
}

}  // namespace core
