// Assertions that stay on in release builds: a programmer error stops the process before it can sell a seat twice.
#pragma once

namespace core {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

#define ONSALE_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::core::assertion_failed(#expression, __FILE__, __LINE__))
