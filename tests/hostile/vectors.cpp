#include "tests/hostile/vectors.hpp"

#include <charconv>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string_view>

namespace hostile {

namespace {

int number(std::string_view digits, int base = 10) {
  int value = -1;
  auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  if (digits.empty() || end != digits.data() + digits.size()) throw std::runtime_error{"not a number"};
  return value;
}

std::string unescaped(std::string_view text);

// The text between the braces that `text` begins with; takes both away.
std::string_view braced(std::string_view& text) {
  auto end = text.find('}');
  if (!text.starts_with('{') || end == std::string_view::npos) throw std::runtime_error{"\\* wants {N}{text}"};
  auto inside = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return inside;
}

std::string repeated(std::string_view& text) {
  auto times = number(braced(text));
  auto once = unescaped(braced(text));
  std::string all;
  for (; times > 0; --times) all += once;
  return all;
}

// What stands for the escape whose letter is `letter`; takes what belongs to it from `rest`.
std::string escape(char letter, std::string_view& rest) {
  static const std::map<char, std::string> plain{{'r', "\r"}, {'n', "\n"}, {'t', "\t"}, {'\\', "\\"}};
  if (auto found = plain.find(letter); found != plain.end()) return found->second;
  if (letter == '*') return repeated(rest);
  if (letter != 'x' || rest.size() < 2) throw std::runtime_error{"an escape nobody knows"};
  auto byte = static_cast<char>(number(rest.substr(0, 2), 16));
  rest.remove_prefix(2);
  return std::string(1, byte);
}

std::string unescaped(std::string_view text) {
  std::string all;
  while (!text.empty()) {
    auto mark = text.find('\\');
    all += text.substr(0, mark);
    text.remove_prefix(std::min(mark, text.size()));
    if (text.empty()) break;
    if (text.size() < 2) throw std::runtime_error{"a line ends in half an escape"};
    auto letter = text[1];
    text.remove_prefix(2);
    all += escape(letter, text);
  }
  return all;
}

std::string_view word(std::string_view& text) {
  auto found = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), found.size() + 1));
  return found;
}

Expected expected(std::string_view text) {
  auto method = word(text);
  auto target = word(text);
  return {unescaped(method), unescaped(target), unescaped(text)};
}

Beast beast(std::string_view text) {
  static const std::map<std::string_view, Beast> verdicts{
      {"accepts:", Beast::accepts}, {"refuses:", Beast::refuses}, {"waits:", Beast::waits}};
  auto verdict = verdicts.find(word(text));
  if (verdict == verdicts.end() || text.empty()) throw std::runtime_error{"beast wants a verdict and a reason"};
  return verdict->second;
}

class Table {
 public:
  void line(std::string_view text) {
    if (text.empty() || text.starts_with('#')) return;
    auto key = word(text);
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (key == "group") {
      group_ = text;
    } else if (key == "name") {
      all_.emplace_back();
      all_.back().group = group_;
      all_.back().name = text;
    } else if (all_.empty()) {
      throw std::runtime_error{"a line before the first name"};
    } else {
      entry(all_.back(), key, text);
    }
  }
  std::vector<Vector> take() { return std::move(all_); }

 private:
  static void entry(Vector& vector, std::string_view key, std::string_view text) {
    if (key == "source") {
      vector.source = text;
    } else if (key == "bytes") {
      vector.bytes += unescaped(text);
    } else if (key == "accept") {
      vector.requests.push_back(expected(text));
    } else if (key == "beast") {
      vector.beast = beast(text);
    } else {
      end(vector, key, text);
    }
  }
  static void end(Vector& vector, std::string_view key, std::string_view text) {
    static const std::map<std::string_view, End> ends{
        {"refuse", End::refused}, {"closes", End::closes}, {"waits", End::waits}};
    auto found = ends.find(key);
    if (found == ends.end()) throw std::runtime_error{"a word nobody knows"};
    vector.end = found->second;
    if (vector.end == End::refused) vector.status = number(text);
  }
  std::vector<Vector> all_;
  std::string group_;
};

std::vector<Vector> read() {
  std::ifstream file{ONSALE_SOURCE "/tests/hostile/vectors.txt"};
  Table table;
  int at = 0;
  for (std::string line; std::getline(file, line);) {
    ++at;
    try {
      table.line(line);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error{"tests/hostile/vectors.txt:" + std::to_string(at) + ": " + error.what()};
    }
  }
  return table.take();
}

}  // namespace

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = read();
  return all;
}

}  // namespace hostile
