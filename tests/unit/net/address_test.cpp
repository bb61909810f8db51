#include "net/address.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

bool in(std::string_view network, std::string_view address) {
  auto cidr = net::Cidr::parse(network);
  auto ip = net::IpAddress::parse(address);
  REQUIRE(cidr);
  REQUIRE(ip);
  return cidr->contains(*ip);
}

}  // namespace

TEST_CASE("an address is the same however it is written") {
  CHECK(net::IpAddress::parse("192.0.2.1") == net::IpAddress::parse("::ffff:192.0.2.1"));
  CHECK(net::IpAddress::parse("192.0.2.1")->text() == "192.0.2.1");
  CHECK(net::IpAddress::parse("2001:DB8:0:0::1")->text() == "2001:db8::1");
}

TEST_CASE("what is no address is refused") {
  for (auto text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "a", ":::", "1.2.3.4 ", "[::1]",
                    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"}) {
    CAPTURE(std::string{text});
    CHECK_FALSE(net::IpAddress::parse(text));
  }
}

TEST_CASE("a network holds its own addresses and no neighbour") {
  CHECK(in("127.0.0.0/8", "127.255.0.1"));
  CHECK_FALSE(in("127.0.0.0/8", "128.0.0.1"));
  CHECK(in("10.1.2.0/23", "10.1.3.255"));
  CHECK_FALSE(in("10.1.2.0/23", "10.1.4.0"));
  CHECK(in("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(in("192.0.2.1", "192.0.2.2"));
  CHECK(in("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(in("::/0", "192.0.2.1"));
  CHECK(in("10.0.0.0/8", "::ffff:10.9.9.9"));
}

TEST_CASE("a network with an impossible prefix is refused") {
  for (auto text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "/8", "10.0.0.0/ 8"}) {
    CAPTURE(std::string{text});
    CHECK_FALSE(net::Cidr::parse(text));
  }
}

TEST_CASE("a network prints as it is usually written") {
  CHECK(net::Cidr::parse("10.0.0.0/8")->text() == "10.0.0.0/8");
  CHECK(net::Cidr::parse("192.0.2.1")->text() == "192.0.2.1/32");
  CHECK(net::Cidr::parse("2001:db8::/32")->text() == "2001:db8::/32");
}
