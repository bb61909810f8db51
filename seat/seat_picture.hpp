// The seats of an event at a version, what changed since earlier ones, and both as JSON.
//
// A picture takes whole maps, newer ones over older ones, and remembers which seats differ: the last few thousand
// changes are kept, so that `?since=VERSION` is answered with what is new. The whole map is rendered when somebody asks
// for it and it has changed.
// Ownership: owns its text; views die at the next take(). Thread: one.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.hpp"
#include "core/text_buffer.hpp"

namespace seat {

class SeatPicture {
 public:
  static constexpr std::size_t changes_max = 4096;

  // One character a seat. False, and nothing is taken, when these are not as many seats as the event has.
  bool take(const core::Event& event, int64_t version, std::string_view seats);
  bool empty() const { return seats_.empty(); }
  int64_t version() const { return version_; }  // 0 while empty

  // Not while empty.
  std::string_view json(const core::Event& event);
  // What changed since a version, as JSON; false when that is longer ago than is kept, or not yet.
  bool changes_since(const core::Event& event, int64_t since, core::TextBuffer& out) const;
  uint32_t available(const core::Section& section) const;

 private:
  struct Change {
    int64_t version;
    uint32_t seat;
  };
  void note_changes(int64_t version, std::string_view seats);
  void forget_old_changes();
  void render(const core::Event& event);

  int64_t version_ = 0;
  int64_t changes_from_ = 0;   // every change after this version is kept
  int64_t rendered_for_ = -1;  // the definition's version; -1: not rendered
  std::string seats_;
  core::TextBuffer json_;
  std::vector<Change> changes_;
};

}  // namespace seat
