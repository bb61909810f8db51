// Orders nobody records: adopted when they wait too long, settled when PostgreSQL refused them for their epoch.
#include <fmt/format.h>

#include <algorithm>

#include "app/keeper.hpp"
#include "core/limits.hpp"
#include "core/time.hpp"

namespace app {
namespace {

constexpr std::size_t adopted_at_once_max = 256;
constexpr int64_t put_off_ms = 60'000;
constexpr std::string_view payment_prefix = "p:";
constexpr std::string_view lost_by_redis = "lost_by_redis";

persist::Order order_of(const core::Event& event, std::string_view id, const HoldRecord& record) {
  persist::Order order;
  order.event = event.id, order.epoch = event.epoch;
  order.order = id, order.user = record.user;
  for (const auto seat : record.seats) order.seats.push_back(event.seat_id(seat));
  order.amount = record.amount, order.currency = event.currency, order.reference = record.reference;
  order.decided_at_ms = record.paid_at_ms;
  return order;
}

bool sellable(const core::Event& event, const HoldRecord& record) {
  return !record.seats.empty() &&
         std::ranges::all_of(record.seats, [&](uint32_t seat) { return seat < event.seat_count; });
}

std::string conflicts_text(const core::Event& event, const std::vector<std::string>& seats) {
  std::vector<uint32_t> indexes;
  for (const auto& id : seats)
    if (const auto seat = event.seat_index(id)) indexes.push_back(*seat);
  return seat::seats_text(indexes);
}

}  // namespace

// What was found under the unrecorded ids, and then what PostgreSQL said; `items` are recorded.lua's.
struct Keeper::Adoption {
  std::vector<persist::Order> orders;
  std::vector<persist::Refusal> refusals;
  std::vector<std::vector<std::string>> items;
};

void Keeper::adopt(Kept& kept) {
  const auto until = std::to_string(redis_now_ms_ - settings_.adopt_after_ms);
  const auto waiting =
      redis_.command({"ZRANGEBYSCORE", lua::key_of(kept.event->id, "unrecorded"), "-inf", until, "LIMIT", "0", "1000"});
  if (!waiting) return (void)redis_failed("adopting");
  std::erase_if(put_off_, [](const auto& entry) { return entry.second <= core::monotonic_ms(); });
  std::vector<std::string> ids;
  for (std::size_t at = 0; at < waiting->view().size() && ids.size() < adopted_at_once_max; ++at)
    if (const auto id = waiting->view()[at].text(); !put_off_.contains(id)) ids.emplace_back(id);
  if (!ids.empty()) adopt_ids(kept, ids);
}

bool Keeper::adopt_ids(Kept& kept, const std::vector<std::string>& ids) {
  Adoption adoption;
  if (!gather(kept, ids, adoption) || !record(kept, adoption) || !tell_redis(kept, adoption.items)) return false;
  adopted_ += adoption.items.size();
  if (!adoption.items.empty())
    log_.info("unrecorded orders adopted", {{"event", kept.event->id}, {"count", adoption.items.size()}});
  return true;
}

bool Keeper::gather(Kept& kept, const std::vector<std::string>& ids, Adoption& adoption) {
  const auto& event = *kept.event;
  const auto hold_key = lua::key_of(event.id, "hold"), payments_key = lua::key_of(event.id, "payments");
  for (const auto& id : ids) {
    if (id.starts_with(payment_prefix))
      redis_.append({"HGET", payments_key, std::string_view{id}.substr(payment_prefix.size())});
    else
      redis_.append({"HGET", hold_key, id});
  }
  auto records = redis_.finish();
  if (!records) return redis_failed("adopting");
  for (std::size_t at = 0; at < ids.size(); ++at) {
    const auto text = records.value[at].view().text();
    if (!(ids[at].starts_with(payment_prefix) ? take_payment(event, ids[at], text, adoption.refusals)
                                              : take_order(event, ids[at], text, adoption)))
      put_off(kept, ids[at], "its record in Redis cannot be read");
  }
  return true;
}

bool Keeper::take_payment(const core::Event& event, const std::string& id, std::string_view text,
                          std::vector<persist::Refusal>& refusals) const {
  const auto payment = PaymentRecord::parse(text);
  if (!payment) return false;
  persist::Refusal refusal{event.id,          event.epoch,       id.substr(payment_prefix.size()),
                           payment->hold,     payment->user,     payment->amount,
                           payment->currency, payment->decision, redis_now_ms_};
  refusals.push_back(std::move(refusal));
  return true;
}

bool Keeper::take_order(const core::Event& event, const std::string& id, std::string_view text,
                        Adoption& adoption) const {
  const auto record = HoldRecord::parse(text);
  if (!record || !sellable(event, *record)) return false;
  if (record->state == 'C')
    adoption.orders.push_back(order_of(event, id, *record));
  else  // decided already, only the mark stayed: recorded.lua takes it off
    adoption.items.push_back({id, "confirmed", "", ""});
  return true;
}

void Keeper::put_off(const Kept& kept, const std::string& id, std::string_view why) {
  put_off_[id] = core::monotonic_ms() + put_off_ms;
  log_.error("unrecorded order cannot be recorded", {{"event", kept.event->id}, {"order", id}, {"why", why}});
}

// Asks PostgreSQL for its decision on each; what it refuses for the epoch waits for the next tick's epoch.
bool Keeper::record(Kept& kept, Adoption& adoption) {
  const auto orders = recorder_.record(std::span<const persist::Order>{adoption.orders});
  if (!orders) return postgres_failed(orders.error, "recording orders");
  for (std::size_t at = 0; at < orders->size(); ++at) {
    const auto& recorded = orders.value[at];
    const auto& id = adoption.orders[at].order;
    if (recorded.outcome == persist::Outcome::stale_epoch) continue;
    if (recorded.outcome == persist::Outcome::unavailable) {
      put_off(kept, id, recorded.reason);
      continue;
    }
    const bool confirmed = recorded.outcome == persist::Outcome::confirmed;
    adoption.items.push_back(
        {id, confirmed ? "confirmed" : "rejected", conflicts_text(*kept.event, recorded.conflicts), recorded.reason});
  }
  return record_refusals(kept, adoption);
}

bool Keeper::record_refusals(Kept& kept, Adoption& adoption) {
  const auto refusals = recorder_.record(std::span<const persist::Refusal>{adoption.refusals});
  if (!refusals) return postgres_failed(refusals.error, "recording payments");
  for (std::size_t at = 0; at < refusals->size(); ++at) {
    const auto& recorded = refusals.value[at];
    const auto id = std::string{payment_prefix} + adoption.refusals[at].reference;
    if (recorded.outcome == persist::Outcome::refused) adoption.items.push_back({id, "refused", "", ""});
    if (recorded.outcome == persist::Outcome::unavailable) put_off(kept, id, recorded.reason);
  }
  return true;
}

bool Keeper::tell_redis(Kept& kept, const std::vector<std::vector<std::string>>& items) {
  const auto epoch = std::to_string(kept.event->epoch);
  for (std::size_t at = 0; at < items.size(); at += core::limits::batch_items_max) {
    std::vector<std::string_view> arguments{epoch};
    for (std::size_t item = at; item < std::min(items.size(), at + core::limits::batch_items_max); ++item)
      arguments.insert(arguments.end(), items[item].begin(), items[item].end());
    const auto told = redis_.script(scripts_["recorded"], kept.event->id, arguments);
    if (!told) return redis_failed("adopting");
    if (told->view().error()) return trouble(kept, std::string{told->view().text()}), false;
    if (!told->view().array()) return false;  // stale: it stays unrecorded, and the next tick rebuilds
  }
  return true;
}

void Keeper::settle_stale() {
  std::erase_if(stale_orders_, [this](const persist::Order& order) { return settle_stale_order(order); });
  std::erase_if(stale_refusals_, [this](const persist::Refusal& refusal) { return settle_stale_refusal(refusal); });
}

// The event once it is sound at a later epoch than the one that was refused.
Keeper::Kept* Keeper::rebuilt_since(std::string_view event, int64_t epoch) {
  const auto found = events_.find(event);
  if (found == events_.end() || !found->second.healthy || found->second.event->epoch <= epoch) return nullptr;
  return &found->second;
}

// True when nothing is left to do.
bool Keeper::settle_stale_order(const persist::Order& order) {
  auto* kept = rebuilt_since(order.event, order.epoch);
  if (!kept) return false;
  const auto reply = redis_.command({"HGET", lua::key_of(order.event, "hold"), order.order});
  if (!reply) return redis_failed("settling orders");
  const auto record = HoldRecord::parse(reply->view().text());
  if (record && record->state == 'C') return adopt_ids(*kept, {order.order});
  return pay_back(*kept, order);
}

bool Keeper::settle_stale_refusal(persist::Refusal refusal) {
  auto* kept = rebuilt_since(refusal.event, refusal.epoch);
  if (!kept) return false;
  refusal.epoch = kept->event->epoch;
  Adoption adoption;
  adoption.refusals.push_back(std::move(refusal));
  return record(*kept, adoption) && !adoption.items.empty() && tell_redis(*kept, adoption.items);
}

// Redis has lost it, its seats may be somebody else's by now: unless PostgreSQL has it after all, it becomes a refund.
bool Keeper::pay_back(Kept& kept, persist::Order order) {
  order.epoch = kept.event->epoch;
  const auto rejected = recorder_.reject(std::span{&order, 1}, lost_by_redis);
  if (!rejected) return postgres_failed(rejected.error, "recording a refund");
  const auto& recorded = rejected->front();
  if (recorded.outcome == persist::Outcome::stale_epoch) return false;
  if (recorded.outcome != persist::Outcome::rejected) return true;
  ++lost_;
  log_.warning("order was lost by Redis and is paid back", {{"event", order.event}, {"order", order.order}});
  return remember_rejection(order, recorded);
}

// So that whoever asks for the order is told; a record that is there says more.
bool Keeper::remember_rejection(const persist::Order& order, const persist::Recorded& recorded) {
  HoldRecord record;
  record.state = 'J', record.user = order.user, record.amount = order.amount, record.paid_at_ms = order.decided_at_ms;
  record.reason = recorded.reason, record.reference = order.reference;
  if (const auto found = events_.find(order.event); found != events_.end())
    for (const auto& seat : order.seats)
      if (const auto index = found->second.event->seat_index(seat)) record.seats.push_back(*index);
  const PaymentRecord payment{"order_rejected", order.order, order.user, order.amount, order.currency};
  redis_.append({"HSETNX", lua::key_of(order.event, "hold"), order.order, record.text()});
  redis_.append({"HSETNX", lua::key_of(order.event, "payments"), order.reference, payment.text()});
  return redis_.finish() ? true : redis_failed("settling orders");
}

}  // namespace app
