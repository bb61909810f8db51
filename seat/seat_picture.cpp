#include "seat/seat_picture.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "core/json_writer.hpp"

namespace seat {
namespace {

using Json = core::JsonWriter<core::TextBuffer>;

// A seat that is being paid for is held, to the eyes of others.
char shown_to_others(char state) { return state == 'p' ? 'h' : state; }

void write_rows(Json& json, const core::Section& section, std::string_view seats) {
  json.key("rows").begin_array();
  std::string row_seats;
  for (const auto& row : section.rows) {
    row_seats.assign(seats.substr(row.seat_base, row.seats));
    std::ranges::transform(row_seats, row_seats.begin(), shown_to_others);
    json.begin_object().member("row", row.name).member("first", static_cast<int64_t>(row.first));
    json.member("seats", row_seats).end_object();
  }
  json.end_array();
}

}  // namespace

bool SeatPicture::take(const core::Event& event, int64_t version, std::string_view seats) {
  if (seats.size() != event.seat_count || seats.empty()) return false;
  if (seats_.size() == seats.size()) {
    note_changes(version, seats);
    forget_old_changes();
  } else {
    changes_.clear();
    changes_from_ = version;
  }
  seats_.assign(seats);
  version_ = version;
  rendered_for_ = -1;
  return true;
}

void SeatPicture::note_changes(int64_t version, std::string_view seats) {
  for (std::size_t at = 0; at < seats.size(); ++at)
    if (shown_to_others(seats[at]) != shown_to_others(seats_[at]))
      changes_.push_back({version, static_cast<uint32_t>(at)});
}

// Half of them, so that it is done seldom; never only some changes of a version.
void SeatPicture::forget_old_changes() {
  if (changes_.size() <= changes_max) return;
  const auto newest = changes_.end() - static_cast<std::ptrdiff_t>(changes_max / 2);
  changes_from_ = (newest - 1)->version;
  const auto later = [&](const Change& change) { return change.version > changes_from_; };
  changes_.erase(changes_.begin(), std::find_if(newest, changes_.end(), later));
}

std::string_view SeatPicture::json(const core::Event& event) {
  ONSALE_ASSERT(!empty());
  if (rendered_for_ != event.version) render(event);
  return json_.view();
}

void SeatPicture::render(const core::Event& event) {
  json_.clear();
  Json json{json_};
  json.begin_object().member("version", version_).key("sections").begin_array();
  for (const auto& section : event.sections) {
    json.begin_object().member("id", section.id).member("name", section.name).member("amount", section.amount);
    json.member("currency", event.currency).member("available", static_cast<int64_t>(available(section)));
    if (section.general) {
      json.member("general", true);
    } else {
      write_rows(json, section, seats_);
    }
    json.end_object();
  }
  json.end_array().end_object();
  rendered_for_ = event.version;
}

uint32_t SeatPicture::available(const core::Section& section) const {
  const auto seats =
      std::string_view{seats_}.substr(std::min<std::size_t>(section.seat_base, seats_.size()), section.seats);
  return static_cast<uint32_t>(std::ranges::count(seats, '.'));
}

bool SeatPicture::changes_since(const core::Event& event, int64_t since, core::TextBuffer& out) const {
  if (empty() || since < changes_from_ || since > version_) return false;
  std::vector<uint32_t> changed;
  for (const auto& change : changes_)
    if (change.version > since) changed.push_back(change.seat);
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  Json json{out};
  json.begin_object().member("version", version_).key("changes").begin_array();
  for (const auto seat : changed) {
    const char state = shown_to_others(seats_[seat]);
    json.begin_array().text(event.seat_id(seat)).text({&state, 1}).end_array();
  }
  json.end_array().end_object();
  return true;
}

}  // namespace seat
