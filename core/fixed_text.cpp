#include "core/fixed_text.hpp"

#include <charconv>

namespace core {

Digits::Digits(int64_t number) {
  const auto end = std::to_chars(bytes_.data(), bytes_.data() + bytes_.size(), number).ptr;
  size_ = static_cast<uint8_t>(end - bytes_.data());
}

}  // namespace core
