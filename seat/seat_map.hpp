// One core's copy of an event's seat map, and its rendering.
//
// A map is fetched when somebody asks and the copy is older than a tenth of a second; who asks meanwhile waits for the
// same answer. Redis sends the seats only when they have changed, and the JSON is rendered only then. The last few
// thousand changes are kept, so that `?since=VERSION` is answered with what is new.
// Ownership: belongs to a core, one an event. Thread: the loop's.
#pragma once
#include <string>
#include <vector>

#include "core/async.hpp"
#include "core/text_buffer.hpp"
#include "net/loop.hpp"
#include "queue/live_event.hpp"
#include "queue/verdict.hpp"

namespace seat {

class SeatMap;

// The outcome of asking for a fresh map.
struct MapAnswer {
  queue::Verdict verdict;  // ok: the map may be read
  static core::Result<MapAnswer> decode(const MapAnswer& answer) noexcept { return {answer}; }
};
using MapAwait = core::Await<MapAnswer, MapAnswer>;

class SeatMap {
 public:
  static constexpr int64_t fresh_ms = 100;
  static constexpr std::size_t changes_max = 4096;
  static constexpr std::size_t waiting_max = 4096;

  SeatMap(net::Loop& loop, queue::LiveEvent& event) : loop_{loop}, event_{event} {}
  SeatMap(const SeatMap&) = delete;
  SeatMap& operator=(const SeatMap&) = delete;

  bool fresh() const { return has_map_ && loop_.now_ms() - fetched_ms_ < fresh_ms; }
  MapAwait refresh();  // when it is not fresh

  bool has_map() const { return has_map_; }
  int64_t version() const { return version_; }
  std::string_view json();                           // the whole map, rendered when the version has changed
  std::string_view seats() const { return seats_; }  // one character a seat
  // What changed since a version, as JSON; false when that is longer ago than is kept.
  bool changes_since(int64_t since, core::TextBuffer& out) const;
  uint32_t available(const core::Section& section) const;

 private:
  struct Change {
    int64_t version;
    uint32_t seat;
  };
  core::Error wait(core::Continuation<MapAnswer> waiter);
  static void done(void* context, const net::resp::View* reply, core::Error error) noexcept;
  void take(int64_t version, std::string_view seats);
  void render();

  net::Loop& loop_;
  queue::LiveEvent& event_;
  bool has_map_ = false, under_way_ = false, rendered_ = false;
  int64_t fetched_ms_ = 0, version_ = 0;
  int64_t changes_from_ = 0;  // every change after this version is kept
  std::string seats_;
  core::TextBuffer json_;
  std::vector<Change> changes_;
  std::vector<core::Continuation<MapAnswer>> waiting_;
};

}  // namespace seat
