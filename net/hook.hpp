// Work that is collected during a turn and done once, at its end, before anything is submitted: this is where batches
// come from. An object with something to send schedules its hook (idempotent, a few stores); the loop runs the stages
// in order: what Stage::batch puts into a pipeline leaves with Stage::links of the same turn.
// Ownership: a Hook lives inside its owner and leaves its list when it is destroyed. Thread: the loop's.
#pragma once
#include <cstdint>

namespace net {

enum class Stage : uint8_t { batch, links, connections };
inline constexpr uint32_t stages = 3;

class Hook {
 public:
  using Run = void (*)(void* context) noexcept;
  Hook(Stage stage, Run run, void* context) : run_{run}, context_{context}, stage_{stage} {}
  ~Hook() { unschedule(); }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
  bool scheduled() const { return next_ != nullptr; }
  void unschedule();

 private:
  friend class Loop;
  Hook() : Hook{Stage::batch, nullptr, nullptr} {}
  Hook* next_ = nullptr;  // null exactly while it is not scheduled
  Hook* previous_ = nullptr;
  Run run_;
  void* context_;
  Stage stage_;
};

// A hook that names its handler: `HookOf<Batch, &Batch::flush> hook_{Stage::batch, *this};`
template <class Owner, void (Owner::*Handler)() noexcept>
class HookOf final : public Hook {
 public:
  HookOf(Stage stage, Owner& owner) : Hook{stage, &dispatch, &owner} {}

 private:
  static void dispatch(void* owner) noexcept { (static_cast<Owner*>(owner)->*Handler)(); }
};

}  // namespace net
