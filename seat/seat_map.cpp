#include "seat/seat_map.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/fixed_text.hpp"
#include "core/json_writer.hpp"

namespace seat {
namespace {

using Json = core::JsonWriter<core::TextBuffer>;

// A seat that is being paid for is held, to the eyes of others.
char shown(char state) { return state == 'p' ? 'h' : state; }

void write_rows(Json& json, const core::Section& section, std::string_view seats) {
  json.key("rows").begin_array();
  std::string row_seats;
  for (const auto& row : section.rows) {
    row_seats.assign(seats.substr(row.seat_base, row.seats));
    std::ranges::transform(row_seats, row_seats.begin(), shown);
    json.begin_object().member("row", row.name).member("first", static_cast<int64_t>(row.first));
    json.member("seats", row_seats).end_object();
  }
  json.end_array();
}

}  // namespace

MapAwait SeatMap::refresh() {
  return MapAwait{[this](core::Continuation<MapAnswer> waiter) { return wait(waiter); }};
}

core::Error SeatMap::wait(core::Continuation<MapAnswer> waiter) {
  if (waiting_.size() == waiting_max) return core::Error::overload;
  if (!under_way_) {
    const core::Digits version{has_map_ ? version_ : 0};
    const auto error = event_.batch(queue::Decision::map).add(std::array{version.view()}, {&SeatMap::done, this});
    if (error != core::Error::none) return error;
    under_way_ = true;
  }
  waiting_.push_back(waiter);
  return core::Error::none;
}

void SeatMap::done(void* context, const net::resp::View* reply, core::Error error) noexcept {
  auto& self = *static_cast<SeatMap*>(context);
  self.under_way_ = false;
  MapAnswer answer;
  if (reply != nullptr) {
    const bool same = (*reply)[0].is("same");
    answer.verdict = same ? queue::Verdict{queue::Verdict::Kind::ok, {}} : queue::Verdict::read(*reply);
    if (answer.verdict.ok()) self.fetched_ms_ = self.loop_.now_ms();
    if (answer.verdict.ok() && !same) self.take((*reply)[1].number().value_or(0), (*reply)[2].text());
  }
  // A waiter may ask again at once: it then waits for the next answer, not for this one.
  for (const auto& waiter : std::exchange(self.waiting_, {}))
    waiter.resume(waiter.context, reply == nullptr ? nullptr : &answer, error);
}

void SeatMap::take(int64_t version, std::string_view seats) {
  if (!has_map_ || seats.size() != seats_.size()) {
    changes_.clear();
    changes_from_ = version;
  } else {
    for (std::size_t at = 0; at < seats.size(); ++at)
      if (shown(seats[at]) != shown(seats_[at])) changes_.push_back({version, static_cast<uint32_t>(at)});
    if (changes_.size() > changes_max) {
      const auto keep = changes_.end() - static_cast<std::ptrdiff_t>(changes_max / 2);
      changes_from_ = (keep - 1)->version;
      changes_.erase(changes_.begin(), std::find_if(keep, changes_.end(), [&](const Change& change) {
                       return change.version > changes_from_;
                     }));
    }
  }
  seats_.assign(seats);
  version_ = version;
  has_map_ = true;
  rendered_ = false;
}

std::string_view SeatMap::json() {
  if (!rendered_) render();
  return json_.view();
}

void SeatMap::render() {
  json_.clear();
  Json json{json_};
  const auto& event = event_.definition();
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
  rendered_ = true;
}

uint32_t SeatMap::available(const core::Section& section) const {
  const auto seats =
      std::string_view{seats_}.substr(std::min<std::size_t>(section.seat_base, seats_.size()), section.seats);
  return static_cast<uint32_t>(std::ranges::count(seats, '.'));
}

bool SeatMap::changes_since(int64_t since, core::TextBuffer& out) const {
  if (!has_map_ || since < changes_from_ || since > version_) return false;
  std::vector<uint32_t> changed;
  for (const auto& change : changes_)
    if (change.version > since) changed.push_back(change.seat);
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  Json json{out};
  json.begin_object().member("version", version_).key("changes").begin_array();
  for (const auto seat : changed) {
    const char state = shown(seats_[seat]);
    json.begin_array().text(event_.definition().seat_id(seat)).text({&state, 1}).end_array();
  }
  json.end_array().end_object();
  return true;
}

}  // namespace seat
