#include "core/sha256.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>

#include "core/encoding.hpp"

namespace {

std::string sign(std::string_view secret, std::string_view message) {
  return core::hex(core::HmacKey{secret}.sign({message}).view());
}

std::string oracle(std::string_view secret, std::string_view message) {
  unsigned char mac[32];
  unsigned size = sizeof mac;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac, &size);
  return core::hex({reinterpret_cast<const char*>(mac), size});
}

}  // namespace

TEST_CASE("SHA-256 agrees with FIPS 180-2, in one piece or several") {
  const std::string_view abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(core::hex(core::sha256({"abc"}).view()) == abc);
  CHECK(core::hex(core::sha256({"a", "", "bc"}).view()) == abc);
  CHECK(core::hex(core::sha256({}).view()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(core::hex(core::sha256({std::string(1'000'000, 'a')}).view()) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC agrees with RFC 4231") {
  CHECK(sign(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(sign("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(sign(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HMAC agrees with OpenSSL's own around every block border") {
  for (std::size_t secret = 1; secret < 140; secret += 7) {
    for (std::size_t message = 0; message < 140; message += 5) {
      CHECK(sign(std::string(secret, 's'), std::string(message, 'm')) ==
            oracle(std::string(secret, 's'), std::string(message, 'm')));
    }
  }
}

TEST_CASE("a key signs the same after it has signed and after it was copied") {
  const core::HmacKey key{"secret"};
  const auto first = key.sign({"one", "two"});
  CHECK(key.sign({"onetwo"}).view() == first.view());
  core::HmacKey copy{"other"};
  copy = key;
  CHECK(copy.sign({"onetwo"}).view() == first.view());
  CHECK(key.sign({"onetwp"}).view() != first.view());
}
