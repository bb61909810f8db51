// What happened in a run, as one number that two runs of a seed must agree on, and as lines for people who look at a
// run that failed. Neither knows addresses, which differ from process to process.
// Thread: one.
#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "core/hash.hpp"

namespace simulation {

class Trace {
 public:
  void print(bool wanted) { printed_ = wanted; }
  bool printed() const { return printed_; }
  uint64_t hash() const { return hash_; }

  template <class... Values>
  void note(int64_t now_us, std::string_view what, Values... values) {
    mix(static_cast<uint64_t>(now_us));
    mix(core::fnv1a(what));
    (mix(static_cast<uint64_t>(values)), ...);
    if (!printed_) return;
    std::fprintf(stderr, "%12.6f %.*s", static_cast<double>(now_us - 1'000'000'000) / 1e6,
                 static_cast<int>(what.size()), what.data());
    (std::fprintf(stderr, " %lld", static_cast<long long>(values)), ...);
    std::fputc('\n', stderr);
  }

 private:
  void mix(uint64_t value) {
    hash_ ^= value;
    hash_ *= 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
  }
  uint64_t hash_ = 0xcbf29ce484222325;
  bool printed_ = false;
};

}  // namespace simulation
