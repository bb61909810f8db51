// A library for LD_PRELOAD that counts what each thread of a program takes from the heap, without taking any itself.
//
// It stands in front of malloc and its relatives and of every operator new, counts, and hands on to whatever allocator
// the program has. An operator new that is made of malloc counts once. The counts lie in the file that
// ONSALE_COUNT_FILE names, which another process maps and reads while the program runs:
//
//   file  = slot[threads_max]                   little endian, 32 bytes each; a slot with thread 0 is free
//   slot  = thread id u64, allocations u64, bytes u64, unused u64
//
// Each slot is written by its own thread alone. A thread's slot is never given to another: ids are not used again
// while one measures.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

// What stands in for malloc is made of globals, hands out memory by hand, and need not pair each new with its delete.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables,cppcoreguidelines-no-malloc,misc-new-delete-overloads)
namespace {

constexpr size_t threads_max = 1024;

struct Slot {
  std::atomic<uint64_t> thread, allocations, bytes, unused;
};
static_assert(sizeof(Slot) == 32);

Slot* slots = nullptr;
std::atomic<size_t> slots_taken{0};

// Initial-exec: reaching them must not allocate.
__attribute__((tls_model("initial-exec"))) thread_local Slot* own_slot = nullptr;
__attribute__((tls_model("initial-exec"))) thread_local unsigned depth = 0;  // inside an allocation: counted already

void count(size_t bytes) noexcept {
  if (slots == nullptr) return;
  if (own_slot == nullptr) {
    const auto index = slots_taken.fetch_add(1, std::memory_order_relaxed);
    if (index >= threads_max) return;
    own_slot = &slots[index];
    own_slot->thread.store(static_cast<uint64_t>(syscall(SYS_gettid)), std::memory_order_release);
  }
  own_slot->allocations.store(own_slot->allocations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  own_slot->bytes.store(own_slot->bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

class Counted {
 public:
  explicit Counted(size_t bytes) noexcept {
    if (depth++ == 0) count(bytes);
  }
  ~Counted() { --depth; }
};

// What dlsym itself takes before we know the real calloc. Never given back; a few hundred bytes.
alignas(16) std::byte early_room[4096];
size_t early_taken = 0;

bool is_early(void* at) noexcept {
  return at >= static_cast<void*>(early_room) && at < static_cast<void*>(early_room + sizeof early_room);
}

void* early(size_t bytes) noexcept {
  const auto at = early_taken;
  early_taken += (bytes + 15) & ~size_t{15};
  if (early_taken > sizeof early_room) abort();
  return early_room + at;
}

bool resolving = false;  // before main, one thread

// The next definition of a function behind ours.
template <class Function>
Function* real(const char* name, Function*& found) noexcept {
  if (found == nullptr && !resolving) {
    resolving = true;
    found = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
    resolving = false;
    if (found == nullptr) abort();
  }
  return found;
}

using Malloc = void*(size_t);
using Calloc = void*(size_t, size_t);
using Realloc = void*(void*, size_t);
using Free = void(void*);
using Align = void*(size_t, size_t);
using PosixMemalign = int(void**, size_t, size_t);
using New = void*(size_t);
using NewAligned = void*(size_t, std::align_val_t);
using NewNothrow = void*(size_t, const std::nothrow_t&);
using NewAlignedNothrow = void*(size_t, std::align_val_t, const std::nothrow_t&);

Malloc* real_malloc;
Calloc* real_calloc;
Realloc* real_realloc;
Free* real_free;
Align *real_memalign, *real_aligned_alloc;
PosixMemalign* real_posix_memalign;
New *real_new, *real_new_array;
NewAligned *real_new_aligned, *real_new_array_aligned;
NewNothrow *real_new_nothrow, *real_new_array_nothrow;
NewAlignedNothrow *real_new_aligned_nothrow, *real_new_array_aligned_nothrow;

__attribute__((constructor)) void open_counts() noexcept {
  real("malloc", real_malloc);
  real("free", real_free);
  const char* path = getenv("ONSALE_COUNT_FILE");
  if (path == nullptr) return;
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, sizeof(Slot) * threads_max) != 0) abort();
  void* at = mmap(nullptr, sizeof(Slot) * threads_max, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) abort();
  close(file);
  slots = static_cast<Slot*>(at);
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) {
  auto* next = real("malloc", real_malloc);
  if (next == nullptr) return early(bytes);
  const Counted counted{bytes};
  return next(bytes);
}

void* calloc(size_t count_items, size_t bytes) {
  auto* next = real("calloc", real_calloc);
  if (next == nullptr) return early(count_items * bytes);  // static room is zero
  const Counted counted{count_items * bytes};
  return next(count_items, bytes);
}

void* realloc(void* old, size_t bytes) {
  auto* next = real("realloc", real_realloc);
  const Counted counted{bytes};
  if (next != nullptr && !is_early(old)) return next(old, bytes);
  auto* fresh = static_cast<std::byte*>(malloc(bytes));
  if (old != nullptr && fresh != nullptr) {
    const auto there = static_cast<size_t>(early_room + sizeof early_room - static_cast<std::byte*>(old));
    memcpy(fresh, old, bytes < there ? bytes : there);
  }
  return fresh;
}

void free(void* old) {
  if (is_early(old)) return;
  auto* next = real("free", real_free);
  if (next != nullptr) next(old);
}

void* memalign(size_t alignment, size_t bytes) {
  auto* next = real("memalign", real_memalign);
  const Counted counted{bytes};
  return next(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  auto* next = real("aligned_alloc", real_aligned_alloc);
  const Counted counted{bytes};
  return next(alignment, bytes);
}

int posix_memalign(void** at, size_t alignment, size_t bytes) {
  auto* next = real("posix_memalign", real_posix_memalign);
  const Counted counted{bytes};
  return next(at, alignment, bytes);
}

}  // extern "C"

// A program whose allocator replaces operator new, as mimalloc does, never calls malloc for it.
void* operator new(size_t bytes) {
  auto* next = real("_Znwm", real_new);
  const Counted counted{bytes};
  return next(bytes);
}

void* operator new[](size_t bytes) {
  auto* next = real("_Znam", real_new_array);
  const Counted counted{bytes};
  return next(bytes);
}

void* operator new(size_t bytes, std::align_val_t alignment) {
  auto* next = real("_ZnwmSt11align_val_t", real_new_aligned);
  const Counted counted{bytes};
  return next(bytes, alignment);
}

void* operator new[](size_t bytes, std::align_val_t alignment) {
  auto* next = real("_ZnamSt11align_val_t", real_new_array_aligned);
  const Counted counted{bytes};
  return next(bytes, alignment);
}

void* operator new(size_t bytes, const std::nothrow_t& tag) noexcept {
  auto* next = real("_ZnwmRKSt9nothrow_t", real_new_nothrow);
  const Counted counted{bytes};
  return next(bytes, tag);
}

void* operator new[](size_t bytes, const std::nothrow_t& tag) noexcept {
  auto* next = real("_ZnamRKSt9nothrow_t", real_new_array_nothrow);
  const Counted counted{bytes};
  return next(bytes, tag);
}

void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
  auto* next = real("_ZnwmSt11align_val_tRKSt9nothrow_t", real_new_aligned_nothrow);
  const Counted counted{bytes};
  return next(bytes, alignment, tag);
}

void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
  auto* next = real("_ZnamSt11align_val_tRKSt9nothrow_t", real_new_array_aligned_nothrow);
  const Counted counted{bytes};
  return next(bytes, alignment, tag);
}

// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables,cppcoreguidelines-no-malloc,misc-new-delete-overloads)
