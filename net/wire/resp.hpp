// RESP2, the language of Redis: a scanner that finds where a reply ends, and a view of a reply that lies there whole.
//
// A reply is looked at twice. The Scanner is fed the receive buffer each time it grows; it remembers where it stopped,
// checks every byte's place and every length, and says when the reply is complete. Only then a View is made, which
// reads the same bytes in place, checks nothing again and allocates nothing.
//
//   reply   = text | error | integer | bulk | array
//   text    = "+" line            error = "-" line            integer = ":" digits line
//   bulk    = "$" length CRLF bytes CRLF | "$-1" CRLF         array   = "*" count CRLF reply... | "*-1" CRLF
//
// Ownership: a View owns nothing and dies with the buffer's next change. Thread: any, one at a time.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "core/limits.hpp"
#include "core/text_buffer.hpp"

namespace net::resp {

enum class Kind : uint8_t { text, error, integer, null, array };  // a bulk string is text, a null array is null

// A complete reply. A reply of another shape than the reader expects is no programmer error, so nothing here fails:
// what is not there reads as null, empty or 0, and a decoder that looks at kind() or size() has looked at everything.
class View {
 public:
  class Iterator;
  View();  // null
  // `reply` is the first byte of a reply that a Scanner found complete.
  explicit View(const char* reply) : at_{reply} {}

  Kind kind() const;
  std::string_view text() const;  // of text, bulk or error (without the '-'); else empty
  bool is(std::string_view word) const { return kind() == Kind::text && text() == word; }
  int64_t integer() const;  // of an integer; else 0
  // Of an integer, or of text that is nothing but a decimal number: scripts return numbers beyond 2^53 as text.
  std::optional<int64_t> number() const;
  uint32_t size() const;                  // elements of an array; else 0
  View operator[](uint32_t index) const;  // walks over the elements before it; null when there are not so many
  Iterator begin() const;                 // the way to read many
  std::default_sentinel_t end() const { return {}; }

 private:
  const char* at_;
};

class View::Iterator {
 public:
  Iterator(const char* first, uint32_t count) : at_{first}, left_{count} {}
  View operator*() const { return View{at_}; }
  Iterator& operator++();
  bool operator==(std::default_sentinel_t) const { return left_ == 0; }

 private:
  const char* at_;
  uint32_t left_;
};

class Scanner {
 public:
  enum class State : uint8_t {
    incomplete,  // feed more
    complete,    // size() bytes are one reply
    malformed,   // not RESP2, or over a limit: where the next reply begins cannot be known any more
  };
  explicit Scanner(std::size_t reply_bytes_max = core::limits::reply_bytes_max) : bytes_max_{reply_bytes_max} {}

  // `bytes` begins where the reply begins and has at least what the last call had; what follows is left alone.
  State scan(std::string_view bytes);
  std::size_t size() const { return at_; }        // of the reply, once complete
  std::size_t wanted() const { return wanted_; }  // fewer bytes than this cannot bring the scan forward
  void reset() { *this = Scanner{bytes_max_}; }   // for the next reply

 private:
  void step(std::string_view bytes);
  bool line_ends(std::string_view bytes);
  void read_header(std::string_view bytes);
  void read_bulk(std::string_view bytes, int64_t length);
  void read_array(int64_t count);
  void want(std::size_t bytes);
  void descend(uint32_t count);
  void finish_element(std::size_t end);
  void refuse() { state_ = State::malformed; }

  std::size_t bytes_max_;
  std::size_t at_ = 0;    // first byte of the element that is not understood yet
  std::size_t line_ = 0;  // its line has no end before here; once found, the index of its CR
  std::size_t wanted_ = 1;
  uint32_t depth_ = 0;  // arrays that are open
  State state_ = State::incomplete;
  std::array<uint32_t, core::limits::reply_depth_max> left_{};  // elements still to come in each open array
};

// A view of `reply` when it is exactly one complete reply; nothing otherwise.
std::optional<View> parse(std::string_view reply);

// A decimal number and nothing else.
std::optional<int64_t> parse_number(std::string_view digits);

// The other direction: commands are arrays of bulk strings.
std::size_t header_bytes(std::size_t number);  // "$<number>\r\n" or "*<number>\r\n"
std::size_t bulk_bytes(std::string_view argument);
void write_header(core::TextBuffer& out, char type, std::size_t number);
void write_bulk(core::TextBuffer& out, std::string_view argument);

}  // namespace net::resp
