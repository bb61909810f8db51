// Instants: milliseconds since 1970 UTC in an int64_t, named `*_ms`; RFC 3339 with milliseconds on the wire.
// The clock is an argument: the loop's cached time in the process, Redis TIME inside scripts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace core {

int64_t wall_ms();       // CLOCK_REALTIME
int64_t monotonic_ms();  // CLOCK_MONOTONIC

inline constexpr std::size_t rfc3339_bytes = 24;
// Writes "2026-11-20T10:00:00.000Z" (24 bytes, no terminator) to `out`; an instant outside of the years 1970-9999 is
// written as the nearest one inside.
void format_rfc3339(int64_t instant_ms, char* out);
std::string rfc3339(int64_t instant_ms);
// Accepts Z or a numeric offset, with or without a fraction (up to 9 digits, cut to milliseconds), years 1970-9999;
// nothing else, and no leap second.
std::optional<int64_t> parse_rfc3339(std::string_view text);

}  // namespace core
