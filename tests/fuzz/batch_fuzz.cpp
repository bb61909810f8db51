// net::Batch over a carrier of the target's own, against a model of its flights. Properties:
// - every item that was taken has its sink called exactly once: with the part of the reply at its place, or, when the
//   reply is no array, with the whole of it as everybody of its call; an array of another length is nobody's;
// - calls hold the items in the order in which they were added, at most 64, under the epoch of the moment they leave;
//   there are never more of them on their way than allowed, and none waits while one more may leave;
// - an item is refused exactly when every flight is in use, and told `unavailable` when it waits behind a timeout.
// Sinks add more from inside. Input: three bytes of settings, then operations.
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/batch.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using core::Error;
using net::resp::Kind;
using net::resp::View;

class World;

struct Item {
  World* world;
  std::string number;
  std::string wish;  // its other arguments
  bool adds;         // its sink adds another one
  bool called = false;
};
using Items = std::deque<Item*>;

struct Call {
  Items items;
  net::Sink sink;
};

net::Batch::Settings settings_from(fuzz::Script& script) {
  net::Batch::Settings settings;
  settings.width = 1 + script.below(3);
  settings.flights_max = 1 + script.below(4);
  settings.in_air_max = 1 + script.below(3);
  return settings;
}

class World {
 public:
  explicit World(fuzz::Script script) : script_{script}, settings_{settings_from(script_)} {}

  void live() {
    while (script_.more()) {
      step();
      ONSALE_ASSERT(batch_.idle() == (waiting_.empty() && in_air_.empty()));
    }
    while (!batch_.idle()) {
      refusal_ = Error::none;
      flush();
      land(0, "+stale\r\n");
    }
    for (const auto& item : items_) ONSALE_ASSERT(item.called);
  }

 private:
  static constexpr std::string_view script_head = "EVALSHA";

  void step() {
    switch (script_.below(8)) {
      case 0:
      case 1:
        return add();
      case 2:
        return script_.one_in(4) ? add_many() : add();
      case 3:
      case 4:
        return flush();
      case 5:
      case 6:
        return in_air_.empty() ? add() : land_one();
      default:
        return change();
    }
  }

  void change() {
    static constexpr Error refusals[] = {Error::none, Error::unavailable, Error::overload};
    if (script_.one_in(2)) return void(refusal_ = refusals[script_.below(3)]);
    epoch_ = script_.byte();
    batch_.set_epoch(epoch_);
  }

  // ---- items

  void add_many() {
    for (auto count = script_.below(100); count > 0; --count) add();
  }

  void add() {
    auto& item = items_.emplace_back(Item{this, std::to_string(items_.size()), {}, script_.one_in(8)});
    if (settings_.width > 1) item.wish = script_.text(20);
    std::vector<std::string_view> arguments(settings_.width, item.wish);
    arguments.front() = item.number;
    const auto error = batch_.add(arguments, {&called, &item});
    const bool place = !waiting_.empty() && waiting_.back().size() < core::limits::batch_items_max;
    const bool flight = flights_in_use() < settings_.flights_max;
    ONSALE_ASSERT(error == (place || flight ? Error::none : Error::overload));
    if (error != Error::none) return items_.pop_back();
    if (!place) waiting_.emplace_back();
    waiting_.back().push_back(&item);
  }

  std::size_t flights_in_use() const {
    return waiting_.size() + leaving_.size() + behind_.size() + in_air_.size() + (landing_in_progress_ ? 1 : 0);
  }

  static void called(void* context, const View* reply, Error error) noexcept {
    auto& item = *static_cast<Item*>(context);
    item.world->called(item, reply, error);
  }

  void called(Item& item, const View* reply, Error error) {
    if (landing_.empty() && landing_error_ == Error::timeout) behind_ = std::exchange(waiting_, {});
    if (landing_.empty() && !behind_.empty()) {
      begin_landing(behind_.front(), Error::unavailable);
      behind_.pop_front();
    }
    ONSALE_ASSERT(!item.called && !landing_.empty() && landing_.front() == &item);
    ONSALE_ASSERT((reply == nullptr) == (error != Error::none) && error == landing_error_);
    landing_.pop_front();
    item.called = true;
    if (reply != nullptr && dealt_out_) ONSALE_ASSERT(reply->text() == item.number);
    if (reply != nullptr && !dealt_out_)
      ONSALE_ASSERT(reply->kind() == whole_.kind() && reply->text() == whole_.text());
    if (item.adds) add();
  }

  // ---- calls

  // As the loop does at the end of a turn.
  void flush() {
    leaving_ = std::exchange(waiting_, {});
    batch_.flush();
    end_landing();
    ONSALE_ASSERT(leaving_.empty() || in_air_.size() == settings_.in_air_max);
    leaving_.insert(leaving_.end(), waiting_.begin(), waiting_.end());  // what sinks added goes behind
    waiting_ = std::exchange(leaving_, {});
  }

  static Error carry(void* context, const net::Prepared& head, std::string_view rendered, uint32_t parts,
                     net::Sink sink) noexcept {
    const auto count = "*" + std::to_string(head.parts + parts) + "\r\n";
    const auto words = net::resp::parse(count + head.head + std::string{rendered});
    ONSALE_ASSERT(words);
    return static_cast<World*>(context)->carry(count + head.head + std::string{rendered}, sink);
  }

  Error carry(const std::string& command, net::Sink sink) {
    end_landing();
    ONSALE_ASSERT(!leaving_.empty() && in_air_.size() < settings_.in_air_max);
    const auto items = leaving_.front();
    leaving_.pop_front();
    check_words(*net::resp::parse(command), items);
    if (refusal_ == Error::none) {
      in_air_.push_back({items, sink});
    } else {
      begin_landing(items, refusal_);  // the batch tells them before it returns
    }
    return refusal_;
  }

  void check_words(View words, const Items& items) const {
    ONSALE_ASSERT(items.size() <= core::limits::batch_items_max && words.size() == 2 + items.size() * settings_.width);
    auto word = words.begin();
    ONSALE_ASSERT((*word).text() == script_head);
    ++word;
    ONSALE_ASSERT((*word).text() == std::to_string(epoch_));
    for (const auto* item : items) {
      ++word;
      ONSALE_ASSERT((*word).text() == item->number);
      for (uint32_t more = 1; more < settings_.width; ++more) {
        ++word;
        ONSALE_ASSERT((*word).text() == item->wish);
      }
    }
  }

  // ---- answers

  void land_one() {
    const auto call = script_.below(static_cast<uint32_t>(in_air_.size()));
    static constexpr const char* whole[] = {"+stale\r\n", "-ERR no\r\n", "$-1\r\n", ":7\r\n", "*-1\r\n", "*0\r\n"};
    const auto kind = script_.below(10);
    if (kind < 6) return land(call, whole[kind]);
    const auto& items = in_air_[call].items;
    if (kind == 6) return land(call, array_for(items, 1));
    if (kind == 7) return lose(call);
    land(call, array_for(items, 0));
  }

  static std::string array_for(const Items& items, std::size_t too_many) {
    auto reply = "*" + std::to_string(items.size() + too_many) + "\r\n";
    for (const auto* item : items) reply += "+" + item->number + "\r\n";
    for (; too_many > 0; --too_many) reply += "+nobody's\r\n";
    return reply;
  }

  void land(std::size_t at, const std::string& reply) {
    if (in_air_.empty()) return;
    const auto view = *net::resp::parse(reply);
    const bool array = view.kind() == Kind::array, fits = view.size() == in_air_[at].items.size();
    whole_ = view;
    dealt_out_ = array && fits;
    resume(at, &view, array && !fits ? Error::protocol : Error::none, Error::none);
  }

  void lose(std::size_t at) { resume(at, nullptr, Error::timeout, Error::timeout); }

  void resume(std::size_t at, const View* reply, Error items_see, Error error) {
    const auto call = in_air_[at];
    const auto* first = first_waiting();
    in_air_.erase(in_air_.begin() + static_cast<std::ptrdiff_t>(at));
    begin_landing(call.items, items_see);
    call.sink.resume(call.sink.context, reply, error);
    end_landing();
    ONSALE_ASSERT(behind_.empty() &&
                  (error != Error::timeout || first_waiting() == nullptr || first_waiting() != first));
  }

  const Item* first_waiting() const { return waiting_.empty() ? nullptr : waiting_.front().front(); }

  void begin_landing(const Items& items, Error error) {
    landing_ = items;
    landing_error_ = error;
    landing_in_progress_ = true;
  }
  void end_landing() {
    ONSALE_ASSERT(landing_.empty());
    landing_in_progress_ = false;
  }

  fuzz::Script script_;
  net::Batch::Settings settings_;
  net::Loop loop_;  // not opened: only a place to schedule
  net::Batch batch_{loop_, {&carry, this}, net::prepare(std::span{&script_head, 1}), settings_};
  int64_t epoch_ = 0;
  Error refusal_ = Error::none;  // of the carrier
  std::deque<Item> items_;       // all that were taken; they do not move
  std::deque<Items> waiting_;    // flights that the next flush may send
  std::deque<Items> leaving_;    // those the flush in progress has not sent yet
  std::deque<Items> behind_;     // a timeout: they are refused now, one flight after the other
  std::deque<Call> in_air_;
  Items landing_;  // whose sinks must be called next
  Error landing_error_ = Error::none;
  bool landing_in_progress_ = false;
  bool dealt_out_ = false;
  View whole_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  World{fuzz::Script{fuzz::text_of(data, size)}}.live();
  return 0;
}
