#include "perf/bench/supply.hpp"

#include <algorithm>

namespace bench {

Supply::Supply(std::span<const RequestLine> lines, std::string_view host, Order order, uint32_t connections,
               uint32_t pipeline)
    : order_{order} {
  const auto shares = std::min<std::size_t>(lines.size(), connections);
  for (std::size_t at = 0; at < shares; ++at) {
    const auto begin = lines.size() * at / shares, end = lines.size() * (at + 1) / shares;
    const auto share = lines.subspan(begin, end - begin);
    shares_.push_back({static_cast<uint32_t>(starts_.size() - 1), static_cast<uint32_t>(share.size())});
    for (const auto& line : share) append(line, host);
    const auto again = order == Order::cycle ? pipeline - 1 : 0;
    for (uint32_t extra = 0; extra < again; ++extra) append(share[extra % share.size()], host);
  }
}

void Supply::append(const RequestLine& line, std::string_view host) {
  render(line, host, bytes_);
  starts_.push_back(bytes_.size());
}

Supply::Share Supply::share(uint32_t connection) const {
  if (shares_.empty() || (order_ == Order::once && connection >= shares_.size())) return {};
  return shares_[connection % shares_.size()];
}

}  // namespace bench
