// SHA-256 and HMAC-SHA256 without allocation. An HmacKey has hashed its two pads once, so a short message costs two
// blocks; it uses OpenSSL's low-level functions, because the EVP interface of OpenSSL 3.0 fetches and allocates on each
// use and is several times slower for short messages.
// Ownership: values; a key wipes itself when it goes. Thread: any (signing does not change the key).
#pragma once
#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace core {

struct Digest {
  std::array<char, 32> bytes;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
};

// The digest of the pieces, one after another. Where pieces come from others, their limits must be in the message
// (fixed width or a length in front): the pieces ("ab","c") and ("a","bc") are the same message.
Digest sha256(std::initializer_list<std::string_view> pieces);

class HmacKey {
 public:
  explicit HmacKey(std::string_view secret);  // any length; nothing of it is kept but the hashed pads
  HmacKey(const HmacKey&) = default;
  HmacKey& operator=(const HmacKey&) = default;
  ~HmacKey();
  Digest sign(std::initializer_list<std::string_view> pieces) const;

 private:
  // The state of a hash that has swallowed one block; sha256.cpp knows its form.
  struct State {
    alignas(8) std::array<std::byte, 112> bytes;
  };
  static State padded(std::string_view key, unsigned char pad);
  State inner_, outer_;
};

}  // namespace core
