// Lint as a test: walks the tree and names every place that breaks a rule of the house.
//
// The scanner knows C++ as clang-format writes it, no more: a body's brace has a space before it, an initializer's has
// none. That is enough to find where functions begin and end without a compiler. Its own tests come first.
// Thread: one. Owns the text of one file at a time.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace fs = std::filesystem;

namespace {

constexpr int function_lines_max = 70;
constexpr std::size_t line_columns_max = 120;

using Problems = std::vector<std::string>;

std::string joined(const Problems& problems) {
  std::string all = fmt::format("{} problem(s)", problems.size());
  for (const auto& problem : problems) all += "\n  " + problem;
  return all;
}

// ---------------------------------------------------------------- files

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What git tracks or would track. Empty where the tree is no repository or git does not believe its owner.
std::vector<std::string> files_of_git() {
  const std::string command =
      fmt::format("git -C '{}' ls-files --cached --others --exclude-standard 2>/dev/null", ONSALE_SOURCE);
  struct Close {
    void operator()(FILE* pipe) const { pclose(pipe); }
  };
  std::unique_ptr<FILE, Close> pipe{popen(command.c_str(), "r")};
  std::vector<std::string> files;
  std::array<char, 4096> line{};
  while (pipe && std::fgets(line.data(), line.size(), pipe.get())) {
    std::string name{line.data()};
    name.erase(name.find_last_not_of('\n') + 1);
    if (fs::is_regular_file(fs::path{ONSALE_SOURCE} / name)) files.push_back(name);
  }
  return files;
}

bool is_output(std::string_view folder) {
  return (folder.starts_with('.') && folder != ".ci") || folder.starts_with("build") || folder == "data" ||
         folder == "__pycache__";
}

std::vector<std::string> files_by_walking() {
  std::vector<std::string> files;
  for (auto entry = fs::recursive_directory_iterator{ONSALE_SOURCE}; entry != fs::recursive_directory_iterator{};
       ++entry) {
    if (entry->is_directory() && is_output(entry->path().filename().string())) entry.disable_recursion_pending();
    if (entry->is_regular_file()) files.push_back(fs::relative(entry->path(), ONSALE_SOURCE).string());
  }
  return files;
}

const std::vector<std::string>& files() {
  static const std::vector<std::string> all = [] {
    auto found = files_of_git();
    if (found.empty()) found = files_by_walking();
    std::sort(found.begin(), found.end());
    return found;
  }();
  return all;
}

bool has_extension(std::string_view file, std::initializer_list<std::string_view> extensions) {
  return std::any_of(extensions.begin(), extensions.end(), [&](auto e) { return file.ends_with(e); });
}

bool is_cpp(std::string_view file) { return has_extension(file, {".cpp", ".hpp"}); }

template <class Visit>  // visit(file, text)
void for_each(bool (*wanted)(std::string_view), Visit visit) {
  for (const auto& file : files())
    if (wanted(file)) visit(file, read(fs::path{ONSALE_SOURCE} / file));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

template <class Judge>  // judge(line) -> a problem, or nothing; gathered with file and line number
Problems judge_lines(bool (*wanted)(std::string_view), Judge judge) {
  Problems problems;
  for_each(wanted, [&](const std::string& file, const std::string& text) {
    const auto lines = lines_of(text);
    for (std::size_t at = 0; at < lines.size(); ++at)
      if (const auto problem = judge(lines[at]); !problem.empty())
        problems.push_back(fmt::format("{}:{}: {}", file, at + 1, problem));
  });
  return problems;
}

// ---------------------------------------------------------------- the scanner

// Blanks comments, literals and preprocessor lines; newlines stay, so that line numbers stay.
class Blanker {
 public:
  explicit Blanker(std::string text) : text_{std::move(text)} {}
  std::string blanked() && {
    while (at_ < text_.size()) step();
    return std::move(text_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (starts("//")) return blank_to(text_.find('\n', at_));
    if (starts("/*")) return blank_to(after(text_.find("*/", at_ + 2), 2));
    if (starts("R\"") && !in_word()) return blank_raw_string();
    if (c == '"') return blank_literal('"');
    if (c == '\'' && !in_word()) return blank_literal('\'');  // 1'000 is a number
    if (c == '#' && first_on_line()) return blank_directive();
    ++at_;
  }
  bool starts(std::string_view prefix) const { return text_.compare(at_, prefix.size(), prefix) == 0; }
  bool in_word() const {
    return at_ > 0 && (std::isalnum(static_cast<unsigned char>(text_[at_ - 1])) || text_[at_ - 1] == '_');
  }
  bool first_on_line() const {
    const auto before = text_.find_last_not_of(" \t", at_ == 0 ? 0 : at_ - 1);
    return at_ == 0 || before == std::string::npos || text_[before] == '\n';
  }
  static std::size_t after(std::size_t found, std::size_t bytes) {
    return found == std::string::npos ? found : found + bytes;
  }
  void blank_to(std::size_t end) {
    for (end = std::min(end, text_.size()); at_ < end; ++at_)
      if (text_[at_] != '\n') text_[at_] = ' ';
  }
  void blank_literal(char quote) {
    auto end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') end += text_[end] == '\\' ? 2 : 1;
    blank_to(end + 1);
  }
  void blank_raw_string() {
    const auto open = text_.find('(', at_);
    if (open == std::string::npos) return blank_to(text_.size());
    const auto close = ")" + text_.substr(at_ + 2, open - at_ - 2) + "\"";
    blank_to(after(text_.find(close, open), close.size()));
  }
  void blank_directive() {
    auto end = text_.find('\n', at_);
    while (end != std::string::npos && text_[end - 1] == '\\') end = text_.find('\n', end + 1);
    blank_to(end);
  }
  std::string text_;
  std::size_t at_ = 0;
};

std::string blanked(std::string text) { return Blanker{std::move(text)}.blanked(); }

struct Function {
  std::string head;  // its signature, in one line
  int first_line = 0;
  int lines = 0;  // signature and closing brace included
};

// Without the `template <...>` in front, which may hold the word class.
std::string_view without_template(std::string_view head) {
  while (head.starts_with("template")) {
    std::size_t at = head.find('<'), depth = 0;
    for (; at < head.size(); ++at) {
      if (head[at] == '<') ++depth;
      if (head[at] == '>' && --depth == 0) break;
    }
    head.remove_prefix(std::min(head.size(), at + 1));
    head.remove_prefix(std::min(head.size(), head.find_first_not_of(" \n")));
  }
  return head;
}

// Something is given a value: `= {` or a concept; not a default argument, not operator==.
bool assigns(std::string_view head) {
  int depth = 0;
  for (std::size_t at = 0; at < head.size(); ++at) {
    if (head.substr(at).starts_with("operator")) at += 10;
    if (at >= head.size()) return false;
    if (head[at] == '(') ++depth;
    if (head[at] == ')') --depth;
    if (head[at] == '=' && depth == 0) return true;
  }
  return false;
}

enum class Brace { scope, function, value };

Brace kind_of_brace(std::string_view head, bool space_before) {
  head = without_template(head);
  if (!space_before && !head.empty()) return Brace::value;
  if (assigns(head)) return Brace::value;
  for (auto word : {"namespace", "class ", "struct ", "union ", "enum ", "TEST_SUITE("})
    if (head.starts_with(word)) return Brace::scope;
  return head.find('(') == std::string_view::npos ? Brace::scope : Brace::function;
}

class FunctionScanner {
 public:
  explicit FunctionScanner(std::string text) : text_{blanked(std::move(text))} {}
  std::vector<Function> functions() && {
    for (at_ = 0; at_ < text_.size(); ++at_) step(text_[at_]);
    return std::move(found_);
  }

 private:
  void step(char c) {
    if (c == '\n') ++line_;
    if (c == '{') return open();
    if (c == '}') return close();
    if (inner_depth_ > 0) return;
    if (c == ';') return start_head();
    if (head_.empty() && std::isspace(static_cast<unsigned char>(c))) return;
    if (head_.empty()) head_line_ = line_;
    head_ += c == '\n' ? ' ' : c;
  }
  void open() {
    if (inner_depth_ > 0) {
      ++inner_depth_;
      return;
    }
    const bool space = at_ > 0 && std::isspace(static_cast<unsigned char>(text_[at_ - 1]));
    kind_ = kind_of_brace(head_, space);
    if (kind_ == Brace::scope) return start_head();
    inner_depth_ = 1;
  }
  void close() {
    if (inner_depth_ == 0) return start_head();
    if (--inner_depth_ > 0 || kind_ == Brace::value) return;  // a value's head goes on: `: a_{a}, b_{b} {`
    found_.push_back({head_, head_line_, line_ - head_line_ + 1});
    start_head();
  }
  void start_head() { head_.clear(); }
  std::string text_, head_;
  std::vector<Function> found_;
  Brace kind_ = Brace::scope;
  std::size_t at_ = 0;
  int line_ = 1, head_line_ = 1, inner_depth_ = 0;
};

std::vector<Function> functions_of(std::string text) { return FunctionScanner{std::move(text)}.functions(); }

// Python: a def reaches to the last line that is indented deeper than itself.
std::vector<Function> functions_of_python(const std::string& text) {
  std::vector<Function> found;
  const auto lines = lines_of(text);
  for (std::size_t first = 0; first < lines.size(); ++first) {
    const auto indent = lines[first].find_first_not_of(' ');
    if (indent == std::string::npos) continue;
    const auto head = lines[first].substr(indent);
    if (!head.starts_with("def ") && !head.starts_with("async def ")) continue;
    std::size_t last = first;
    for (std::size_t line = first + 1; line < lines.size(); ++line) {
      const auto deep = lines[line].find_first_not_of(' ');
      if (deep == std::string::npos) continue;
      if (deep <= indent && lines[line][deep] != ')') break;
      last = line;
    }
    found.push_back({head, static_cast<int>(first) + 1, static_cast<int>(last - first) + 1});
  }
  return found;
}

// ---------------------------------------------------------------- include direction

// Folder -> folders it may include, as written in core/../README: one direction only.
const std::map<std::string, std::set<std::string>, std::less<>>& may_include() {
  static const std::map<std::string, std::set<std::string>, std::less<>> allowed = {
      {"core", {"core"}},
      {"net/wire", {"core", "net/wire"}},
      {"net", {"core", "net/wire", "net"}},
      {"persist", {"core", "persist"}},
      {"lua", {"core", "lua"}},
      {"queue", {"core", "net/wire", "net", "lua", "queue"}},
      {"seat", {"core", "net/wire", "net", "lua", "queue", "persist", "seat"}},
      {"app", {"core", "net/wire", "net", "lua", "queue", "persist", "seat", "app"}},
      {"perf/bench", {"core", "net/wire", "net", "perf", "perf/bench"}},
      {"perf", {"core", "perf"}},
  };
  return allowed;
}

std::string folder_of(std::string_view file) {
  for (std::string_view inner : {"net/wire", "perf/bench"})
    if (file.starts_with(inner) && file.substr(inner.size()).starts_with('/')) return std::string{inner};
  const auto slash = file.find('/');
  return std::string{slash == std::string_view::npos ? "" : file.substr(0, slash)};
}

// The name between the quotes or brackets of an #include line, with its opening character; else empty.
std::string included(const std::string& line) {
  if (!line.starts_with("#include ")) return {};
  const auto open = line.find_first_of("\"<");
  const auto close = line.find_first_of("\">", open + 1);
  return close == std::string::npos ? std::string{} : line.substr(open, close - open);
}

std::string problem_of_include(const std::string& file, const std::string& include) {
  const std::string name = include.substr(1), from = folder_of(file), to = folder_of(name);
  if (include[0] == '<')
    return may_include().contains(to) && from != "tests" ? "write our own headers in quotes: " + name : "";
  if (!fs::is_regular_file(fs::path{ONSALE_SOURCE} / name)) return "no file of this tree by its path: " + name;
  const auto allowed = may_include().find(from);
  if (allowed == may_include().end()) return "";  // tests see everything
  return allowed->second.contains(to) ? "" : fmt::format("{} must not know {}: {}", from, to, name);
}

// Libraries that belong to one folder; whoever else includes them goes round it.
std::string problem_of_library(const std::string& file, const std::string& include) {
  static const std::map<std::string, std::set<std::string>> homes = {
      {"<liburing", {"net", "perf/bench", "tests"}},
      {"<llhttp", {"net/wire", "perf", "tests"}},
      {"<hiredis", {"app", "perf", "tests"}},
      {"<libpq-fe", {"persist", "app", "perf", "tests"}},
      {"<librdkafka", {"persist", "app", "perf", "tests"}},
      {"<boost/", {"app", "perf", "tests"}},
  };
  for (const auto& [library, folders] : homes)
    if (include.starts_with(library) && !folders.contains(folder_of(file)))
      return fmt::format("{} does not belong in {}", include.substr(1), folder_of(file));
  return "";
}

// ---------------------------------------------------------------- words

struct Banned {
  std::string_view word, why;
  std::set<std::string> folders;
};

const std::vector<Banned>& banned_words() {
  static const std::vector<Banned> words = {
      {"shared_ptr", "owners are plain in the loop", {"net", "net/wire"}},
      {"std::function", "a Continuation is two words and owns nothing", {"net", "net/wire", "queue", "seat"}},
      {"using namespace",
       "names say where they come from",
       {"core", "net", "net/wire", "persist", "lua", "queue", "seat", "app"}},
  };
  return words;
}

// What is left for later must name who does it: word(ada). The word is put together here so that this file passes.
bool has_ownerless_todo(const std::string& line) {
  const std::string todo = std::string{"TO"} + "DO";
  for (auto at = line.find(todo); at != std::string::npos; at = line.find(todo, at + 1)) {
    const auto next = at + todo.size();
    if (next < line.size() && (std::isalnum(static_cast<unsigned char>(line[next])) || line[next] == '_')) continue;
    if (line.compare(next, 1, "(") != 0 || line.compare(next, 2, "()") == 0) return true;
  }
  return false;
}

std::size_t columns_of(std::string_view line) {  // characters of UTF-8
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Paths of one machine, and of papers that are no part of the project.
const std::vector<std::string>& foreign_paths() {
  static const std::vector<std::string> paths = {std::string{"/wo"} + "rk/", std::string{"/tm"} + "p/w/",
                                                 std::string{"/ho"} + "me/", std::string{".."} + "/shared",
                                                 std::string{"shared"} + "/notes"};
  return paths;
}

bool is_text(std::string_view file) {
  return has_extension(file, {".cpp", ".hpp", ".lua", ".py", ".sql", ".md", ".toml", ".txt", ".cmake", ".conf", ".xml",
                              ".service", ".json", ".yml", ".sh", "dev", ".ci/run"});
}

bool is_code(std::string_view file) {
  return is_cpp(file) || has_extension(file, {".lua", ".py", ".sql", ".cmake", ".sh", "dev", ".ci/run"});
}

}  // namespace

TEST_SUITE("the scanner itself") {
  TEST_CASE("a long function is not hidden by an initializer list") {
    const auto found = functions_of("struct A {\n  A(int a) : a_{a}, b_{f({1})} {\n    g();\n  }\n};\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].first_line == 2);
    CHECK(found[0].lines == 3);
  }
  TEST_CASE("braces in literals and comments do not move the end of a function") {
    const auto found = functions_of(
        "void f() {\n  g(\"}\", '}', R\"x(}})x\");  // }\n"
        "  /* } */ h(1'000);\n}\nint x;\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].lines == 4);
  }
  TEST_CASE("tables, scopes and concepts are not functions") {
    CHECK(functions_of("namespace a {\nint t[] = {\n1,\n2};\nenum class E : int { a };\n}\n").empty());
    CHECK(functions_of("template <class T>\nconcept C = requires(T t) {\n  { t.f() };\n};\n").empty());
    CHECK(functions_of("std::map<int, int> m{{1, 2}};\nstruct S {\n  int a{1};\n};\n").empty());
  }
  TEST_CASE("templates, operators and tests are functions") {
    CHECK(functions_of("template <class T>\nT f(T t = {}) {\n  return t;\n}\n").size() == 1);
    CHECK(functions_of("bool operator==(A a, A b) {\n  return true;\n}\n").size() == 1);
    CHECK(functions_of("TEST_CASE(\"x\") {\n  for (;;) {\n  }\n}\n")[0].lines == 4);
  }
  TEST_CASE("a function of 71 lines is over the limit") {
    std::string text = "void f() {\n";
    for (int line = 0; line < 69; ++line) text += "  g();\n";
    CHECK(functions_of(text + "}\n")[0].lines == 71);
  }
  TEST_CASE("a method in Python ends where the next begins") {
    const auto found = functions_of_python(
        "class A:\n    def f(\n        self,\n    ):\n        pass\n\n"
        "    def g(self):\n        pass\n");
    REQUIRE(found.size() == 2);
    CHECK(found[0].lines == 4);
  }
  TEST_CASE("a word for later needs a name") {
    const std::string todo = std::string{"TO"} + "DO";
    CHECK(has_ownerless_todo("// " + todo + ": later"));
    CHECK_FALSE(has_ownerless_todo("// " + todo + "(ada): later"));
  }
}

TEST_SUITE("the tree") {
  TEST_CASE("the walk finds the tree, so that an empty one passes nothing") {
    CHECK(std::count_if(files().begin(), files().end(), [](const auto& file) { return is_cpp(file); }) > 10);
  }

  TEST_CASE("includes point one way") {
    Problems problems;
    for_each(is_cpp, [&](const std::string& file, const std::string& text) {
      const auto lines = lines_of(text);
      for (std::size_t at = 0; at < lines.size(); ++at) {
        const auto include = included(lines[at]);
        if (include.empty()) continue;
        for (const auto& problem : {problem_of_include(file, include), problem_of_library(file, include)})
          if (!problem.empty()) problems.push_back(fmt::format("{}:{}: {}", file, at + 1, problem));
      }
    });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("a function fits a screen") {
    Problems problems;
    const auto judge = [&](const std::string& file, const std::vector<Function>& functions) {
      for (const auto& function : functions)
        if (function.lines > function_lines_max)
          problems.push_back(fmt::format("{}:{}: {} lines: {}", file, function.first_line, function.lines,
                                         function.head.substr(0, 60)));
    };
    for_each(is_cpp, [&](const auto& file, const auto& text) { judge(file, functions_of(text)); });
    for_each([](std::string_view file) { return file.ends_with(".py"); },
             [&](const auto& file, const auto& text) { judge(file, functions_of_python(text)); });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("a line fits a window") {
    const auto problems = judge_lines(is_code, [](const std::string& line) {
      const auto columns = columns_of(line);
      return columns > line_columns_max ? fmt::format("{} columns", columns) : std::string{};
    });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("a header says what it is and is read once") {
    Problems problems;
    for_each([](std::string_view file) { return file.ends_with(".hpp"); },
             [&](const std::string& file, const std::string& text) {
               if (text.find("#pragma once\n") == std::string::npos) problems.push_back(file + ": no #pragma once");
               if (!text.starts_with("//")) problems.push_back(file + ": no comment on top");
             });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("banned words stay out of the hot folders") {
    Problems problems;
    for_each(is_cpp, [&](const std::string& file, const std::string& text) {
      const auto code = blanked(text);
      for (const auto& banned : banned_words())
        if (banned.folders.contains(folder_of(file)) && code.find(banned.word) != std::string::npos)
          problems.push_back(fmt::format("{}: {}: {}", file, banned.word, banned.why));
    });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("what is left for later names who does it") {
    const auto problems =
        judge_lines(is_text, [](const std::string& line) { return has_ownerless_todo(line) ? line : std::string{}; });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("no file knows the machine it was written on") {
    Problems problems;
    for_each(is_text, [&](const std::string& file, const std::string& text) {
      for (const auto& path : foreign_paths())
        if (text.find(path) != std::string::npos) problems.push_back(file + ": " + path);
    });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }

  TEST_CASE("a script declares its keys and says what it does") {
    Problems problems;
    for_each([](std::string_view file) { return file.starts_with("lua/") && file.ends_with(".lua"); },
             [&](const std::string& file, const std::string& text) {
               const auto lines = lines_of(text);
               const bool shared = file.find("/_") != std::string::npos;  // goes in front of every script, has no keys
               if (!shared && (lines.empty() || !lines[0].starts_with("-- KEYS: ")))
                 problems.push_back(file + ": first line is not `-- KEYS: ...`");
               const auto comment = std::find_if(lines.begin() + (shared || lines.empty() ? 0 : 1), lines.end(),
                                                 [](const auto& line) { return line.starts_with("-- "); });
               if (comment == lines.end()) problems.push_back(file + ": no comment that says what it does");
             });
    CHECK_MESSAGE(problems.empty(), joined(problems));
  }
}
