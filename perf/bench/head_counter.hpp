// Counts how many request heads end in a stream, wherever it is cut: the least a server can know about HTTP/1.1.
// It looks at every fourth byte mostly, because an empty line is four bytes long. Ownership: value. Thread: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bench {

class HeadCounter {
 public:
  uint32_t count(std::string_view bytes);

 private:
  void step(char c);  // one byte

  uint8_t matched_ = 0;  // bytes of "\r\n\r\n" that the stream ends with
  uint32_t found_ = 0;
};

}  // namespace bench
