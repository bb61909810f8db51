// Calls of one script for one event, collected during a turn and sent together: up to 64 items a call.
//
//   add ─► [flight: items, sinks] ─ turn's end ─► EVALSHA sha keys | epoch | item item item ... ─► one reply
//                                                   reply[i] ─► sink of item i
//
// Batches come from what a turn produced, never from a timer: with in_air_max calls on their way the next ones gather
// until an answer comes. A reply that is no array (the text 'stale', an error)
// goes whole to every item's sink; an array of another length than there are items is `protocol` for each. When a call
// times out, the items that wait behind it are `unavailable`: they would only wait as long once more.
// Nothing is allocated per item once a flight has been used: flights are kept and their buffers keep their room.
// Ownership: owns the flights; the link outlives it; never moves; destroy it only while idle(). Thread: the loop's.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/limits.hpp"
#include "core/text_buffer.hpp"
#include "net/counter.hpp"
#include "net/hook.hpp"
#include "net/loop.hpp"
#include "net/wire/pipeline.hpp"

namespace net {

class RedisLink;

// Who carries a script call to Redis: a RedisLink, or a test.
struct ScriptCarrier {
  core::Error (*script)(void* context, const Prepared& head, std::string_view rendered, uint32_t parts,
                        Sink sink) noexcept;
  void* context;
};

struct BatchMetrics {
  Counter items, calls;
  Counter refused;  // items not sent: too many waited, or one too long, or a call in front of them timed out
};

class Batch {
 public:
  struct Settings {
    uint32_t width = 1;                                                                  // arguments an item
    uint32_t flights_max = core::limits::exchanges_max / core::limits::batch_items_max;  // waiting or in the air
    // Calls on their way at once. While Redis is behind, the rest waits here and fills up to 64 items a call; without
    // this limit each turn would send a call of its own, and flights_max calls of one item would be overload.
    uint32_t in_air_max = 4;
    // Once somebody has waited so long for a call to leave, newcomers are refused: with more than Redis can do, a queue
    // by number alone is as long as its deadline, and all that it serves is too late.
    int64_t wait_ms_max = core::limits::batch_wait_ms_max;
  };

  // `head` is prepare_script(sha1, keys) of the script and the event.
  Batch(Loop& loop, ScriptCarrier carrier, Prepared head, Settings settings);
  Batch(RedisLink& link, Prepared head, uint32_t width);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // ARGV[1] of every call from now on, also of items that wait already. 0 before the first call.
  void set_epoch(int64_t epoch);
  int64_t epoch() const { return epoch_; }

  // One item of `width` arguments, which are copied. The sink is called exactly once, later; or, with overload, never.
  core::Error add(std::span<const std::string_view> arguments, Sink sink);
  // Sends what waits. The loop calls it at the end of the turn.
  void flush() noexcept;

  bool idle() const { return first_ == nullptr && in_air_ == 0; }
  const BatchMetrics& metrics() const { return metrics_; }

 private:
  struct Flight {
    Batch* batch = nullptr;
    Flight* next = nullptr;  // in the list of waiting or of free ones
    int64_t since_ms = 0;    // when its first item came
    uint32_t items = 0;
    core::TextBuffer arguments;  // bulk strings
    std::array<Sink, core::limits::batch_items_max> sinks;
  };
  bool behind() const;
  Flight* filling();
  Flight* take_free();
  void launch(Flight& flight);
  static void landed(void* flight, const resp::View* reply, core::Error error) noexcept;
  static void deliver_each(const Flight& flight, const resp::View& reply);
  static void deliver_whole(const Flight& flight, const resp::View* reply, core::Error error);
  void put_back(Flight& flight);
  void recycle(Flight& flight);
  void refuse_waiting();

  Loop& loop_;
  ScriptCarrier carrier_;
  std::string head_;
  Prepared head_and_epoch_;
  uint32_t head_parts_;
  Settings settings_;
  int64_t epoch_ = 0;

  std::vector<std::unique_ptr<Flight>> flights_;
  Flight* free_ = nullptr;
  Flight* first_ = nullptr;  // waiting; the last one is being filled
  Flight* last_ = nullptr;
  uint32_t in_air_ = 0;
  HookOf<Batch, &Batch::flush> hook_{Stage::batch, *this};
  BatchMetrics metrics_;
};

}  // namespace net
