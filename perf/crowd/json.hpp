// Reading answers: a parsed body whose missing or mistyped members read as empty, so that a strange answer shows up as
// a strange value and is judged there. Ownership: a Document owns its parse and is not moved; elements die with it.
#pragma once
#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crowd::json {

using Element = simdjson::dom::element;

class Document {
 public:
  explicit Document(const std::string& body) {
    simdjson::dom::element root;
    if (parser_.parse(body).get(root) == simdjson::SUCCESS) root_ = root;
  }
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  explicit operator bool() const { return root_.has_value(); }
  // The root; an empty object's stand-in is not needed: every reader below accepts what is missing.
  std::optional<Element> root() const { return root_; }

 private:
  simdjson::dom::parser parser_;
  std::optional<Element> root_;
};

std::optional<Element> member(std::optional<Element> object, std::string_view name);
std::string text(std::optional<Element> object, std::string_view name);  // "" when missing
std::optional<int64_t> integer(std::optional<Element> object, std::string_view name);
std::optional<double> number(std::optional<Element> object, std::string_view name);
bool boolean(std::optional<Element> object, std::string_view name);                    // false when missing
std::vector<Element> elements(std::optional<Element> object, std::string_view name);   // empty when missing
std::vector<std::string> texts(std::optional<Element> object, std::string_view name);  // texts among the elements

}  // namespace crowd::json
