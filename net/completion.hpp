// What the kernel answers to. A Completion's address is the user_data of its operation, so it lives inside its owner,
// and its owner never moves and is not reused or destroyed while it is armed.
// Thread: the loop's.
#pragma once
#include <cstdint>

#include "core/assert.hpp"

namespace net {

// One answer of the kernel, by value: the queue entry is already given back when a handler sees it.
struct Event {
  int32_t result;  // of the operation: a count, a descriptor, or a negative errno
  uint32_t flags;
  bool more() const { return (flags & 2u) != 0; }        // IORING_CQE_F_MORE: the operation stays armed
  bool has_buffer() const { return (flags & 1u) != 0; }  // IORING_CQE_F_BUFFER
  uint16_t buffer_id() const { return static_cast<uint16_t>(flags >> 16); }
};

class Completion {
 public:
  using Done = void (*)(Completion&, Event) noexcept;
  explicit constexpr Completion(Done done) : done_{done} {}
  ~Completion() { ONSALE_ASSERT(!armed_); }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  // True exactly while the kernel may still post an event for it. False already inside the handler of its last event.
  bool armed() const { return armed_; }

 private:
  friend class Loop;
  Done done_;
  bool armed_ = false;
};

// A completion that names its handler in its type: one indirect call, no virtuals.
template <class Owner, void (Owner::*Handler)(Event) noexcept>
class Op final : public Completion {
 public:
  explicit Op(Owner& owner) : Completion{&dispatch}, owner_{owner} {}

 private:
  static void dispatch(Completion& self, Event event) noexcept { (static_cast<Op&>(self).owner_.*Handler)(event); }
  Owner& owner_;
};

}  // namespace net
