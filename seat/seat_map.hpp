// One core's copy of an event's seat map.
//
// A map is fetched when somebody asks and the copy is older than a tenth of a second; who asks meanwhile waits for the
// same answer. Redis sends the seats only when they have changed.
// Ownership: belongs to a core, one an event. Thread: the loop's.
#pragma once
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/text_buffer.hpp"
#include "net/loop.hpp"
#include "queue/live_event.hpp"
#include "queue/verdict.hpp"
#include "seat/seat_picture.hpp"

namespace seat {

// The outcome of asking for a fresh map.
struct MapAnswer {
  queue::Verdict verdict;  // ok: the map may be read
  static core::Result<MapAnswer> decode(const MapAnswer& answer) noexcept { return {answer}; }
};
using MapAwait = core::Await<MapAnswer, MapAnswer>;

class SeatMap {
 public:
  static constexpr int64_t fresh_ms = 100;
  static constexpr std::size_t waiting_max = 4096;

  SeatMap(net::Loop& loop, queue::LiveEvent& event) : loop_{loop}, event_{event} {}
  SeatMap(const SeatMap&) = delete;
  SeatMap& operator=(const SeatMap&) = delete;

  bool fresh() const { return has_map() && loop_.now_ms() - fetched_ms_ < fresh_ms; }
  MapAwait refresh();  // when it is not fresh

  bool has_map() const { return !picture_.empty(); }
  int64_t version() const { return picture_.version(); }
  // As in SeatPicture, for the definition as it is now.
  std::string_view json() { return picture_.json(event_.definition()); }
  bool changes_since(int64_t since, core::TextBuffer& out) const {
    return picture_.changes_since(event_.definition(), since, out);
  }
  uint32_t available(const core::Section& section) const { return picture_.available(section); }

 private:
  core::Error wait(core::Continuation<MapAnswer> waiter);
  static void done(void* context, const net::resp::View* reply, core::Error error) noexcept;
  core::Result<MapAnswer> read(const net::resp::View& reply);

  net::Loop& loop_;
  queue::LiveEvent& event_;
  bool under_way_ = false;
  int64_t fetched_ms_ = 0;
  SeatPicture picture_;
  std::vector<core::Continuation<MapAnswer>> waiting_;
};

}  // namespace seat
