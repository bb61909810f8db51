#include "perf/crowd/json.hpp"

namespace crowd::json {
namespace {

template <class T>
std::optional<T> get(std::optional<Element> object, std::string_view name) {
  auto found = member(object, name);
  T value;
  if (!found || found->get(value) != simdjson::SUCCESS) return {};
  return value;
}

}  // namespace

std::optional<Element> member(std::optional<Element> object, std::string_view name) {
  Element found;
  if (!object || object->at_key(name).get(found) != simdjson::SUCCESS) return {};
  return found;
}

std::string text(std::optional<Element> object, std::string_view name) {
  return std::string{get<std::string_view>(object, name).value_or("")};
}

std::optional<int64_t> integer(std::optional<Element> object, std::string_view name) {
  return get<int64_t>(object, name);
}

std::optional<double> number(std::optional<Element> object, std::string_view name) { return get<double>(object, name); }

bool boolean(std::optional<Element> object, std::string_view name) { return get<bool>(object, name).value_or(false); }

std::vector<Element> elements(std::optional<Element> object, std::string_view name) {
  std::vector<Element> found;
  auto array = get<simdjson::dom::array>(object, name);
  if (!array) return found;
  for (auto element : *array) found.push_back(element);
  return found;
}

std::vector<std::string> texts(std::optional<Element> object, std::string_view name) {
  std::vector<std::string> found;
  for (auto element : elements(object, name)) {
    std::string_view value;
    if (element.get(value) == simdjson::SUCCESS) found.emplace_back(value);
  }
  return found;
}

}  // namespace crowd::json
