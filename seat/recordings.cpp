#include "seat/recordings.hpp"

#include <array>
#include <memory>
#include <utility>

#include "core/assert.hpp"
#include "queue/verdict.hpp"
#include "seat/redis_records.hpp"

namespace seat {
namespace {

std::string_view outcome_word(persist::Outcome outcome) {
  switch (outcome) {
    case persist::Outcome::confirmed:
      return "confirmed";
    case persist::Outcome::refused:
      return "refused";
    default:
      return "rejected";  // a cancelled order has lost its seats as well
  }
}

std::string conflict_indexes(const core::Event& event, const std::vector<std::string>& seat_ids) {
  std::vector<uint32_t> indexes;
  for (const auto& id : seat_ids)
    if (const auto seat = event.seat_index(id)) indexes.push_back(*seat);
  return seats_text(indexes);
}

}  // namespace

class Recordings::Flight {
 public:
  Flight(Recordings& owner, queue::LiveEvent& event, std::string member, core::Continuation<persist::Recorded> waiter)
      : owner_{owner}, event_{event}, member_{std::move(member)}, waiter_{waiter} {}

  std::list<Flight>::iterator self;

  void start_deadline(int64_t wait_ms) { owner_.loop_.start(deadline_, wait_ms); }

  static void decided(void* context, const persist::Recorded* recorded, core::Error) noexcept {
    auto& flight = *static_cast<Flight*>(context);
    if (recorded != nullptr) flight.recorded_ = *recorded;
    switch (flight.recorded_.outcome) {
      case persist::Outcome::stale_epoch:  // the writer pool has told the keeper whose money it was
        flight.owner_.alarm_.raise();
        return flight.end();
      case persist::Outcome::unavailable:
        return flight.end();
      default:
        return flight.tell_redis();
    }
  }

 private:
  // What cannot be told now stays in the unrecorded set, and is found there.
  void tell_redis() {
    const auto conflicts = conflict_indexes(event_.definition(), recorded_.conflicts);
    const std::array<std::string_view, 4> item{member_, outcome_word(recorded_.outcome), conflicts, recorded_.reason};
    if (event_.batch(queue::Decision::recorded).add(item, {&Flight::told, this}) != core::Error::none) end();
  }

  static void told(void* context, const net::resp::View* reply, core::Error) noexcept {
    auto& flight = *static_cast<Flight*>(context);
    if (reply != nullptr && reply->is("stale")) flight.owner_.alarm_.raise();
    flight.end();
  }

  void end() {
    deadline_.stop();
    if (const auto waiter = std::exchange(waiter_, {}); waiter.resume != nullptr) {
      const bool unavailable = recorded_.outcome == persist::Outcome::unavailable;
      waiter.resume(waiter.context, unavailable ? nullptr : &recorded_,
                    unavailable ? core::Error::unavailable : core::Error::none);
    }
    owner_.land(*this);
  }

  void late() noexcept {
    if (const auto waiter = std::exchange(waiter_, {}); waiter.resume != nullptr)
      waiter.resume(waiter.context, nullptr, core::Error::timeout);
  }

  Recordings& owner_;
  queue::LiveEvent& event_;
  std::string member_;  // of the unrecorded set
  core::Continuation<persist::Recorded> waiter_;
  persist::Recorded recorded_;
  net::TimerOf<Flight, &Flight::late> deadline_{*this};
};

namespace {

template <class Row>
core::Error carry(void* port, std::unique_ptr<Row> row, core::Continuation<persist::Recorded> decided) {
  return static_cast<persist::Port*>(port)->submit(std::move(row), decided);
}

}  // namespace

Recordings::Recordings(net::Loop& loop, RecordCarrier carrier, queue::Alarm alarm)
    : loop_{loop}, carrier_{carrier}, alarm_{alarm} {}

Recordings::Recordings(net::Loop& loop, persist::Port& port, queue::Alarm alarm)
    : Recordings{loop, {&carry<persist::Order>, &carry<persist::Refusal>, &port}, alarm} {}

Recordings::~Recordings() { ONSALE_ASSERT(idle()); }

core::Error Recordings::submit(persist::Order order, core::Continuation<persist::Recorded> decided) {
  return carrier_.order(carrier_.context, std::make_unique<persist::Order>(std::move(order)), decided);
}

core::Error Recordings::submit(persist::Refusal refusal, core::Continuation<persist::Recorded> decided) {
  return carrier_.refusal(carrier_.context, std::make_unique<persist::Refusal>(std::move(refusal)), decided);
}

template <class Row>
core::Error Recordings::start(queue::LiveEvent& event, std::string member, Row row, int64_t wait_ms,
                              core::Continuation<persist::Recorded> waiter) {
  auto& flight = flights_.emplace_back(*this, event, std::move(member), waiter);
  flight.self = std::prev(flights_.end());
  const auto error = submit(std::move(row), {&Flight::decided, &flight});
  if (error != core::Error::none) {
    flights_.pop_back();
    return error;
  }
  flight.start_deadline(wait_ms);
  return core::Error::none;
}

core::Error Recordings::record(queue::LiveEvent& event, persist::Order order, int64_t wait_ms,
                               core::Continuation<persist::Recorded> waiter) {
  auto member = order.order;
  return start(event, std::move(member), std::move(order), wait_ms, waiter);
}

core::Error Recordings::record(queue::LiveEvent& event, persist::Refusal refusal, int64_t wait_ms,
                               core::Continuation<persist::Recorded> waiter) {
  auto member = "p:" + refusal.reference;  // before the move: arguments are made in any order
  return start(event, std::move(member), std::move(refusal), wait_ms, waiter);
}

void Recordings::land(Flight& flight) { flights_.erase(flight.self); }

}  // namespace seat
