// Reads the small JSON body of a request. Members are named by path ("payment.reference"); the first thing that is
// wrong is kept as a sentence that names the member, and every later read then answers a default at once, so a handler
// reads all it needs and asks good() once:
//
//   reader.parse(body);
//   auto reference = reader.text("payment.reference", 1, 128);
//   auto fence = reader.integer("fence", 0, fence_max, 0);
//   if (!reader.good()) return problem(x, Code::bad_request, reader.problem());
//
// The whole body is checked before the first read, so a body that is broken behind the last member is refused as well.
// Texts hold no control characters: what is stored or printed somewhere must not carry a NUL or a line end there.
// Unknown members are ignored; a member that appears twice is refused, because readers disagree on which one counts.
// Nothing is allocated once the reader has seen a body of the largest size, except for the sentence of a problem.
// Ownership: owns a copy of the body; texts are views that die at the next parse(). Thread: one; a core has one.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace core {

class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // Forgets the last body. False, with a problem, when this one is no JSON object. `body` needs no padding.
  bool parse(std::string_view body);
  bool good() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }
  // For what the reader cannot judge: "<path> <what>". Keeps the first problem.
  void fail(std::string_view path, std::string_view what);

  bool has(std::string_view path);  // false for null as well
  // Without `absent` the member must be there; null counts as absent.
  int64_t integer(std::string_view path, int64_t low, int64_t high);
  int64_t integer(std::string_view path, int64_t low, int64_t high, int64_t absent);
  std::string_view text(std::string_view path, std::size_t bytes_min, std::size_t bytes_max);
  bool boolean(std::string_view path, bool absent);
  // An array of 1 to out.size() texts, into the front of `out`; returns how many.
  std::size_t texts(std::string_view path, std::span<std::string_view> out);

 private:
  struct Document;                       // the parser and what it made of the body
  struct Found;                          // a member, or nothing
  Found find(std::string_view path);     // null counts as absent
  Found require(std::string_view path);  // absent is a problem
  std::unique_ptr<Document> document_;
  std::string problem_;
};

}  // namespace core
