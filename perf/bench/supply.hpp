// The requests of a run as bytes, rendered before the clock starts, and who sends which.
//
// Connections walk disjoint shares, so that no two use the same user at once; when there are fewer requests than
// connections, several walk the same share of one request. A share lies in one piece, and behind it, when it is walked
// again and again, its first requests once more: any `pipeline` requests in a row are one send without a copy.
//
//   bytes    [r0 r1 r2 | r0 r1][r3 r4 r5 | r3 r4] ...        two shares of three requests, pipeline 3
//
// Ownership: owns its bytes; read-only once made. Thread: any.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/bench/request_file.hpp"

namespace bench {

enum class Order : uint8_t {
  cycle,  // each connection walks its share again and again
  once,   // each request is sent once, then its connection stops
};

class Supply {
 public:
  struct Share {
    uint32_t first = 0;  // its requests are first .. first + count - 1
    uint32_t count = 0;  // 0: this connection has nothing to ask
  };

  Supply() = default;  // for runs where nobody asks
  Supply(std::span<const RequestLine> lines, std::string_view host, Order order, uint32_t connections,
         uint32_t pipeline);

  Order order() const { return order_; }
  Share share(uint32_t connection) const;
  // `requests` in a row, at most `pipeline`, from the one with this number on.
  std::string_view bytes(uint32_t first, uint32_t requests) const {
    return std::string_view{bytes_}.substr(starts_[first], starts_[first + requests] - starts_[first]);
  }

 private:
  void append(const RequestLine& line, std::string_view host);

  Order order_ = Order::cycle;
  std::string bytes_;
  std::vector<uint64_t> starts_{0};  // where each request begins; one more for the end
  std::vector<Share> shares_;
};

}  // namespace bench
