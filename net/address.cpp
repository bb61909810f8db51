#include "net/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace net {

namespace {

constexpr std::array<uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint32_t mapped_bits = 96;

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof terminated) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  IpAddress address;
  if (::inet_pton(AF_INET, terminated, address.bytes_.data() + mapped_prefix.size()) == 1) {
    std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.bytes_.begin());
    return address;
  }
  if (::inet_pton(AF_INET6, terminated, address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

IpAddress IpAddress::from(const sockaddr& address) {
  IpAddress result;
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::copy(mapped_prefix.begin(), mapped_prefix.end(), result.bytes_.begin());
    std::memcpy(result.bytes_.data() + mapped_prefix.size(), &v4.sin_addr, sizeof v4.sin_addr);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(result.bytes_.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  }
  return result;
}

uint32_t IpAddress::write(uint16_t port, sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes_.data() + mapped_prefix.size(), sizeof v4.sin_addr);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes_.data(), bytes_.size());
  return sizeof v6;
}

bool IpAddress::is_v4() const { return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin()); }

std::string IpAddress::text() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes_.data() + mapped_prefix.size(), text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  auto slash = text.find('/');
  auto network = IpAddress::parse(text.substr(0, slash));
  if (!network) return std::nullopt;
  Cidr cidr;
  cidr.network_ = *network;
  if (slash == std::string_view::npos) return cidr;
  auto digits = text.substr(slash + 1);
  uint32_t bits = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  auto v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  if (error != std::errc{} || end != digits.data() + digits.size() || bits > (v4 ? 32u : 128u)) return std::nullopt;
  cidr.prefix_bits_ = bits + (v4 ? mapped_bits : 0);
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  auto whole = prefix_bits_ / 8, rest = prefix_bits_ % 8;
  const auto &a = network_.bytes(), &b = address.bytes();
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

std::string Cidr::text() const {
  auto bits = network_.is_v4() && prefix_bits_ >= mapped_bits ? prefix_bits_ - mapped_bits : prefix_bits_;
  return network_.text() + "/" + std::to_string(bits);
}

bool contains(const std::vector<Cidr>& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(), [&](const Cidr& network) { return network.contains(address); });
}

}  // namespace net
