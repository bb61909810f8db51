#include "perf/crowd/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace crowd {
namespace {

using Orders = std::map<std::string, const PostgresEvidence::Order*>;
using Payments = std::map<std::string, const PostgresEvidence::Payment*>;

class Judge {
 public:
  Judge(const core::Event& event, const Ledger& ledger, const PostgresEvidence& postgres, const RedisEvidence& redis,
        const std::optional<KafkaEvidence>& kafka)
      : event_{event}, ledger_{ledger}, postgres_{postgres}, redis_{redis}, kafka_{kafka} {}

  Verdict verdict() {
    take_over_ledger();
    index_orders();
    judge_seats();
    judge_orders();
    judge_promises();
    judge_redis();
    judge_sold_out();
    if (kafka_) judge_announcements();
    return std::move(verdict_);
  }

 private:
  template <class... Values>
  void violation(fmt::format_string<Values...> format, Values&&... values) {
    verdict_.violations.add(fmt::format(format, std::forward<Values>(values)...));
  }

  void take_over_ledger() {
    for (const auto& sentence : ledger_.violations().kept()) verdict_.violations.add(sentence);
    verdict_.places_lost = ledger_.places_lost();
    if (verdict_.places_lost > 0) violation("{} places in line were lost", verdict_.places_lost);
    verdict_.orders_confirmed = ledger_.orders_confirmed();
    verdict_.oversold = ledger_.seats_promised_twice();
  }

  void index_orders() {
    for (const auto& order : postgres_.orders) {
      orders_[order.id] = &order;
      if (order.state == "confirmed") ++verdict_.orders_recorded;
    }
    for (const auto& payment : postgres_.payments) payments_[payment.reference] = &payment;
    if (postgres_.dead_letters > 0) violation("PostgreSQL holds {} dead letters of the event", postgres_.dead_letters);
  }

  // Every row of order_seats once, a real seat, and of a confirmed order that lists it.
  void judge_seats() {
    verdict_.sold = postgres_.seats.size();
    for (const auto& row : postgres_.seats) {
      if (!event_.seat_index(row.seat)) violation("PostgreSQL sold seat {}, which is not on sale", row.seat);
      auto [owner, fresh] = owner_.emplace(row.seat, row.order);
      if (!fresh) {
        ++verdict_.oversold;
        violation("PostgreSQL sold seat {} to order {} and to order {}", row.seat, owner->second, row.order);
      }
      auto order = orders_.find(row.order);
      if (order == orders_.end() || order->second->state != "confirmed") {
        violation("PostgreSQL gave seat {} to {}, which is no confirmed order", row.seat, row.order);
      }
    }
    if (verdict_.sold > event_.seat_count) verdict_.oversold += verdict_.sold - event_.seat_count;
  }

  void judge_orders() {
    for (const auto& order : postgres_.orders) {
      if (order.state == "confirmed") judge_confirmed_row(order);
      const bool paid = payments_.contains(order.reference);
      if (!paid) violation("order {} has no payment row for {}", order.id, order.reference);
      auto reported = ledger_.payments().find(order.reference);
      if (reported == ledger_.payments().end()) violation("order {} was paid by nobody we know", order.id);
    }
  }

  void judge_confirmed_row(const PostgresEvidence::Order& order) {
    int64_t price = 0;
    for (const auto& seat : order.seats) {
      auto index = event_.seat_index(seat);
      if (index) price += event_.section_of(*index).amount;
      auto owner = owner_.find(seat);
      if (owner != owner_.end() && owner->second == order.id) continue;
      ++verdict_.oversold;
      violation("order {} is confirmed without owning its seat {}", order.id, seat);
    }
    if (price != order.amount) violation("order {} costs {}, its seats {}", order.id, order.amount, price);
  }

  // What each client was told, against the rows.
  void judge_promises() {
    for (const auto& [reference, payment] : ledger_.payments()) {
      auto order = orders_.find(payment.hold);
      const auto* row = order == orders_.end() ? nullptr : order->second;
      switch (payment.state) {
        case PaymentState::confirmed:
          judge_confirmed_promise(payment, row);
          break;
        case PaymentState::pending:
          judge_pending_promise(payment, row);
          break;
        case PaymentState::refused:
        case PaymentState::rejected:
          judge_refund(payment, row);
          break;
        case PaymentState::unanswered:
          break;  // nothing was promised
      }
    }
  }

  void judge_confirmed_promise(const Payment& payment, const PostgresEvidence::Order* row) {
    if (!row || row->state != "confirmed") {
      return violation("{} was told order {} is confirmed; PostgreSQL says {}", payment.user, payment.hold,
                       row ? row->state : "nothing");
    }
    if (row->user != payment.user) violation("order {} belongs to {}, not {}", row->id, row->user, payment.user);
    auto told = payment.seats, recorded = row->seats;
    std::sort(told.begin(), told.end());
    std::sort(recorded.begin(), recorded.end());
    if (told != recorded) violation("order {} was recorded with other seats than {} was told", row->id, payment.user);
    if (row->reference != payment.reference) {
      violation("order {} was paid by {} and recorded with {}", row->id, payment.reference, row->reference);
    }
  }

  void judge_pending_promise(const Payment& payment, const PostgresEvidence::Order* row) {
    if (!row) return violation("{} was told order {} is pending; nothing became of it", payment.user, payment.hold);
    if (row->state == "rejected") judge_refund(payment, row);
  }

  // Money that became no order has a row, and a refund when one was promised.
  void judge_refund(const Payment& payment, const PostgresEvidence::Order* row) {
    if (row && row->state == "confirmed" && row->reference == payment.reference) {
      return violation("{} was refused ({}), but order {} is confirmed", payment.user, payment.code, row->id);
    }
    auto paid = payments_.find(payment.reference);
    if (paid == payments_.end()) return violation("payment {} was refused and has no row", payment.reference);
    if (payment.refund_required && !paid->second->refund_required) {
      violation("payment {} was promised a refund; its row has none", payment.reference);
    }
  }

  // The map in Redis against order_seats, seat by seat.
  void judge_redis() {
    if (redis_.seats.size() != event_.seat_count) {
      return violation("Redis has {} seats, the event {}", redis_.seats.size(), event_.seat_count);
    }
    for (uint32_t index = 0; index < event_.seat_count; ++index) {
      const bool sold = redis_.seats[index] == 'x';
      const bool owned = owner_.contains(event_.seat_id(index));
      if (sold == owned) continue;
      violation("seat {} is {} in PostgreSQL and '{}' in Redis", event_.seat_id(index), owned ? "sold" : "not sold",
                redis_.seats[index]);
    }
    if (redis_.unrecorded > 0) violation("Redis still has {} unrecorded orders", redis_.unrecorded);
    judge_counter("available", '.', redis_.available);
    judge_counter("sold", 'x', redis_.sold);
  }

  void judge_counter(std::string_view counter, char character, int64_t value) {
    auto counted = std::count(redis_.seats.begin(), redis_.seats.end(), character);
    if (counted != value) violation("Redis counts {} seats {}, its map has {}", value, counter, counted);
  }

  void judge_sold_out() {
    if (ledger_.told_sold_out_count() == 0 || verdict_.sold >= event_.seat_count) return;
    violation("{} buyers were told it is sold out, but only {} of {} seats are", ledger_.told_sold_out_count(),
              verdict_.sold, event_.seat_count);
  }

  // Kafka.
  void judge_announcements() {
    verdict_.orders_announced = announced("order.confirmed").size();
    judge_announced_orders("order.confirmed", "confirmed");
    judge_announced_orders("order.rejected", "rejected");
    if (!kafka_->truncated) {
      for (const auto& payment : postgres_.payments) {
        if (payment.refund_required && !announced("refund.required").contains(payment.order)) {
          violation("the refund of {} was not announced", payment.reference);
        }
      }
    }
    if (kafka_->out_of_order > 0) violation("Kafka has {} announcements with a seq that fell", kafka_->out_of_order);
    if (kafka_->seqs_missing > 0 && !kafka_->truncated) {
      violation("{} entries of the sale's log were never announced", kafka_->seqs_missing);
    }
    if (!kafka_->truncated) replay_transitions();
  }

  const std::set<std::string>& announced(const std::string& type) const {
    static const std::set<std::string> none;
    auto found = kafka_->announced.find(type);
    return found == kafka_->announced.end() ? none : found->second;
  }

  void judge_announced_orders(const std::string& type, std::string_view state) {
    for (const auto& order : postgres_.orders) {
      if (order.state != state || kafka_->truncated || announced(type).contains(order.id)) continue;
      violation("order {} is {} and was not announced", order.id, state);
    }
    for (const auto& id : announced(type)) {
      auto order = orders_.find(id);
      if (order != orders_.end() && order->second->state == state) continue;
      violation("{} was announced for {}, which PostgreSQL does not know as {}", type, id, state);
    }
  }

  // The announced history of every seat must make sense by itself: nobody takes what another has. A new epoch means
  // that the log behind it may have lost its end: holds of before may be gone without a word, sold seats may not.
  void replay_transitions() {
    if (kafka_->transitions.empty()) return judge_replayed_end();
    int64_t epoch = kafka_->transitions.front().seq >> 32;
    bool rebuilt = false;
    for (const auto& transition : kafka_->transitions) {
      if (transition.seq >> 32 != epoch) {
        rebuilt = true;
        replay_holder_ = replay_confirmed_;
      }
      epoch = transition.seq >> 32;
      for (const auto& seat : transition.seats) replay(transition, seat, rebuilt);
    }
    if (!rebuilt) judge_replayed_end();
  }

  void judge_replayed_end() {
    for (const auto& [seat, order] : owner_) {
      auto replayed = replay_confirmed_.find(seat);
      if (replayed != replay_confirmed_.end() && replayed->second == order) continue;
      violation("Kafka's seats.confirmed do not give seat {} to order {}", seat, order);
    }
  }

  void replay(const KafkaEvidence::Transition& transition, const std::string& seat, bool rebuilt) {
    auto& holder = replay_holder_[seat];
    const bool stranger = holder != transition.hold && !(rebuilt && holder.empty());
    if (transition.type == "seats.held") {
      if (!holder.empty() && holder != transition.hold) {
        ++verdict_.oversold;
        violation("seq {}: seat {} was given to {} while {} had it", transition.seq, seat, transition.hold, holder);
      }
      holder = transition.hold;
    } else if (transition.type == "seats.released" || transition.type == "seats.expired") {
      if (stranger) violation("seq {}: seat {} freed by a stranger", transition.seq, seat);
      holder.clear();
    } else if (transition.type == "seats.confirmed") {
      if (stranger) violation("seq {}: seat {} confirmed to a stranger", transition.seq, seat);
      replay_confirmed_[seat] = holder = transition.hold;
    }
  }

  const core::Event& event_;
  const Ledger& ledger_;
  const PostgresEvidence& postgres_;
  const RedisEvidence& redis_;
  const std::optional<KafkaEvidence>& kafka_;
  Verdict verdict_;
  Orders orders_;
  Payments payments_;
  std::map<std::string, std::string> owner_;  // seat -> order, as PostgreSQL has it
  std::unordered_map<std::string, std::string> replay_holder_, replay_confirmed_;
};

}  // namespace

Verdict judge(const core::Event& event, const Ledger& ledger, const PostgresEvidence& postgres,
              const RedisEvidence& redis, const std::optional<KafkaEvidence>& kafka) {
  return Judge{event, ledger, postgres, redis, kafka}.verdict();
}

}  // namespace crowd
