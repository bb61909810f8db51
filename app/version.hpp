// The version of the program, from the build. Thread: any.
#pragma once
#include <string_view>

namespace app {
inline constexpr std::string_view version = ONSALE_VERSION;
}
