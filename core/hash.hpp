// FNV-1a, 64 bits: for names and generations that are compared, not for hash tables that strangers can fill.
#pragma once
#include <cstdint>
#include <string_view>

namespace core {

constexpr uint64_t fnv1a(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace core
