// Counts what the calling thread allocates with new, in this whole program: the operators are replaced in
// allocations.cpp. Thread: any; each sees its own count.
#pragma once
#include <cstdint>

namespace allocations {

uint64_t of_this_thread();

}  // namespace allocations
