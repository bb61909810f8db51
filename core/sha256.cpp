// The one file that uses OpenSSL's low-level hashing, which 3.0 calls deprecated (see sha256.hpp for the reason).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/sha256.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>
#include <type_traits>

namespace core {

namespace {

constexpr std::size_t block_bytes = SHA256_CBLOCK;

void swallow(SHA256_CTX& context, std::string_view bytes) { SHA256_Update(&context, bytes.data(), bytes.size()); }

Digest finish(SHA256_CTX& context) {
  Digest digest;
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.bytes.data()), &context);
  return digest;
}

}  // namespace

Digest sha256(std::initializer_list<std::string_view> pieces) {
  SHA256_CTX context;
  SHA256_Init(&context);
  for (const auto piece : pieces) swallow(context, piece);
  return finish(context);
}

HmacKey::State HmacKey::padded(std::string_view key, unsigned char pad) {
  static_assert(sizeof(SHA256_CTX) == sizeof(State) && std::is_trivially_copyable_v<SHA256_CTX>);
  std::array<char, block_bytes> block;
  block.fill(static_cast<char>(pad));
  for (std::size_t at = 0; at < key.size(); ++at) block[at] = static_cast<char>(block[at] ^ key[at]);
  SHA256_CTX context;
  SHA256_Init(&context);
  swallow(context, {block.data(), block.size()});
  State state;
  std::memcpy(&state, &context, sizeof state);
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(&context, sizeof context);
  return state;
}

HmacKey::HmacKey(std::string_view secret) {
  Digest hashed{};  // RFC 2104: a secret longer than a block is replaced by its digest
  if (secret.size() > block_bytes) {
    hashed = sha256({secret});
    secret = hashed.view();
  }
  inner_ = padded(secret, 0x36);
  outer_ = padded(secret, 0x5c);
  OPENSSL_cleanse(hashed.bytes.data(), hashed.bytes.size());
}

HmacKey::~HmacKey() {
  OPENSSL_cleanse(&inner_, sizeof inner_);
  OPENSSL_cleanse(&outer_, sizeof outer_);
}

Digest HmacKey::sign(std::initializer_list<std::string_view> pieces) const {
  SHA256_CTX context;
  std::memcpy(&context, &inner_, sizeof context);
  for (const auto piece : pieces) swallow(context, piece);
  const Digest inner = finish(context);
  std::memcpy(&context, &outer_, sizeof context);
  swallow(context, inner.view());
  return finish(context);
}

}  // namespace core
