// Internet addresses and networks. An IPv4 address is kept as IPv4-mapped IPv6, so both compare as 16 bytes.
// Values. Thread: any.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;
struct sockaddr_storage;

namespace net {

class IpAddress {
 public:
  IpAddress() = default;                                         // ::
  static std::optional<IpAddress> parse(std::string_view text);  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"
  static IpAddress from(const sockaddr& address);                // AF_INET or AF_INET6, anything else is ::
  uint32_t write(uint16_t port, sockaddr_storage& out) const;    // returns how many bytes of `out` count
  bool is_v4() const;
  std::string text() const;  // an IPv4 address in dots
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  bool operator==(const IpAddress&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

class Cidr {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix are ignored.
  static std::optional<Cidr> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string text() const;
  bool operator==(const Cidr&) const = default;

 private:
  IpAddress network_;
  uint32_t prefix_bits_ = 128;  // of the 16 bytes
};

bool contains(const std::vector<Cidr>& networks, const IpAddress& address);

}  // namespace net
