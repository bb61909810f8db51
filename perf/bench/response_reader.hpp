// Reads the answers of one connection, however their bytes are cut, and says which status each had. It keeps no byte:
// fifteen thousand connections cost a few words each.
//
//   status line ─► header lines ─► (empty line) ─► body, counted by Content-Length ─► status line ...
//
// It understands what the servers we measure send and nothing else: HTTP/1.1, a status from 200, Content-Length exactly
// once unless the status forbids a body. Chunked bodies, interim answers and bare line feeds are protocol errors,
// because a reader that guesses would count wrongly. HEAD must not be asked: its answers look like others.
// Ownership: value. Thread: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bench {

class ResponseReader {
 public:
  // Takes all of `bytes`; calls done(status) for each answer that ends in them. False: this is not HTTP as we know it,
  // and the connection is of no more use.
  template <class Done>
  bool read(std::string_view bytes, Done&& done) {
    while (!bytes.empty()) {
      const auto head = at_beginning() ? take_ordinary_head(bytes) : 0;
      bytes.remove_prefix(head > 0 ? head : step(bytes));
      if (state_ == State::broken) return false;
      if (state_ != State::complete) continue;
      state_ = State::status_line;
      position_ = 0;
      done(status_);
    }
    return true;
  }

  // The answer read last says that the server will close.
  bool closing() const { return closing_; }
  bool in_the_middle() const { return !at_beginning(); }

 private:
  enum class State : uint8_t {
    status_line,  // "HTTP/1.1 200", by position
    line_rest,    // to the line feed
    line_start,
    name,    // of a field that may be one of ours; candidates_ has a bit for each that fits so far
    length,  // the value of Content-Length
    option,  // the value of Connection, by position in "close"
    head_end,
    body,
    complete,
    broken,
  };
  static constexpr std::size_t names = 3;

  bool at_beginning() const { return state_ == State::status_line && position_ == 0; }
  // A head that lies whole in `bytes` and has nothing unusual, as nearly all do: its size. 0: step() shall judge it.
  std::size_t take_ordinary_head(std::string_view bytes);
  std::size_t step(std::string_view bytes);  // how many it took, at least one
  std::size_t skip_line(std::string_view bytes);
  void take_status(char c);
  void take_line_start(char c);
  void take_name(char c);
  void take_field();
  void take_length(char c);
  void take_option(char c);
  void end_head(char c);

  uint64_t length_ = 0;  // of the body; in state body what is left of it
  uint16_t status_ = 0;
  State state_ = State::status_line;
  uint8_t position_ = 0;  // in the status line, a name or a value
  uint8_t candidates_ = 0;
  bool has_length_ = false;
  bool carriage_return_ = false;  // the last byte of the line so far
  bool closing_ = false;
};

}  // namespace bench
