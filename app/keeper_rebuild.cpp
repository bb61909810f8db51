// The rebuild: see the steps in keeper.hpp.
#include <fmt/format.h>

#include "app/keeper.hpp"
#include "core/time.hpp"
#include "persist/orders.hpp"

namespace app {
namespace {

constexpr int attempts_max = 5;  // of reading and writing under one freeze
constexpr int epochs_to_catch_up_max = 64;
constexpr std::size_t findings_logged_max = 20;

}  // namespace

struct Keeper::Rebuild {
  int64_t started_ms = core::monotonic_ms();
  std::size_t orders = 0;
  SaleState sale;
  std::vector<std::string> unreadable;
};

void Keeper::step(std::string_view name) const {
  if (settings_.at_step) settings_.at_step(name);
}

// Also the warm-up of a draft.
bool Keeper::rebuild(Kept& kept) {
  const auto id = kept.event->id;
  kept.healthy = false;
  auto locked = rows_.try_lock_rebuild(id);
  if (!locked) return postgres_failed(locked.error, "locking an event");
  if (!locked.value) {
    trouble(kept, "another node is rebuilding it");
    return false;
  }
  step("locked");
  const bool good = rebuild_locked(kept);
  // Failing to unlock is the connection's end, and the lock's.
  (void)rows_.unlock_rebuild(id);
  return good;
}

bool Keeper::rebuild_locked(Kept& kept) {
  RedisSale sale{redis_, scripts_, kept.event->id};
  if (!reload(kept) || !settle(kept, sale.look(kept.meta), sale) || !same_redis(kept)) return false;
  const bool draft = kept.event->state == core::EventState::draft;
  if (!draft && sound(*kept.event, kept.meta)) return true;  // another node was faster
  Rebuild done;
  if (!(draft ? may_warm(kept) : raise_epoch(kept))) return false;
  step("raised");
  const auto initial = draft ? core::EventState::warmed : kept.event->state;
  auto outcome = RedisSale::Outcome::changed;
  for (int attempt = 0; attempt < attempts_max && outcome == RedisSale::Outcome::changed; ++attempt) {
    // Freezing again notes where the log stands now; at another node's later epoch it is refused.
    if (!settle(kept, sale.freeze(kept.event->epoch, initial), sale)) return false;
    step("frozen");
    outcome = rebuild_once(kept, sale, done);
  }
  if (!settle(kept, outcome, sale)) return false;
  step("written");
  if (!settle(kept, sale.thaw(replid_), sale)) return false;
  step("thawed");
  if (!settle(kept, sale.look(kept.meta), sale)) return false;
  report(kept, done);
  return true;
}

// A replica may have been promoted under an open connection.
bool Keeper::same_redis(Kept& kept) {
  const auto info = redis_.command({"INFO", "replication"});
  if (!info) return redis_failed("looking");
  if (info_field(info->view().text(), "master_replid") == replid_) return true;
  trouble(kept, "Redis has changed meanwhile");
  return false;
}

// Nothing of a draft was ever sold, so what Redis may have of it is an earlier warm-up that was cut, or something
// nobody should overwrite: PostgreSQL has then lost a sale.
bool Keeper::may_warm(Kept& kept) {
  const auto& meta = kept.meta;
  if (!meta.present) return true;
  if (meta.epoch == kept.event->epoch && (meta.state == "warmed" || meta.state == "frozen")) return true;
  trouble(kept, fmt::format("Redis has a sale of this draft already (epoch {}, {}): restore PostgreSQL, or remove the "
                            "keys {{{}}}:* from Redis if that sale is nobody's",
                            meta.epoch, meta.state, kept.event->id));
  return false;
}

// To above what either side has seen: Redis is ahead after PostgreSQL was restored from a backup.
bool Keeper::raise_epoch(Kept& kept) {
  for (int step = 0; step < epochs_to_catch_up_max; ++step) {
    auto raised = rows_.raise_epoch(kept.event->id, kept.event->epoch);
    if (!raised) return postgres_failed(raised.error, "raising an epoch");
    if (!reload(kept)) return false;
    if (!raised.value) return trouble(kept, "another node has raised the epoch"), false;
    if (kept.event->epoch > kept.meta.epoch) return true;
  }
  trouble(kept, fmt::format("Redis is far ahead of PostgreSQL (epoch {})", kept.meta.epoch));
  return false;
}

RedisSale::Outcome Keeper::rebuild_once(Kept& kept, RedisSale& sale, Rebuild& done) {
  Survivors before;
  done.unreadable.clear();
  auto outcome = sale.survivors(before, done.unreadable);
  if (outcome != RedisSale::Outcome::done) return outcome;
  auto orders = persist::load_orders(postgres_, kept.event->id);
  auto payments = persist::load_payments(postgres_, kept.event->id);
  if (!orders || !payments) {
    postgres_failed(orders ? payments.error : orders.error, "loading orders");
    return sale.give_up("PostgreSQL cannot be read");
  }
  step("read");
  done.orders = orders.value.size();
  done.sale = overlay(*kept.event, orders.value, payments.value, before);
  return sale.write(*kept.event, done.sale, before, kept.stored_head, settings_.limits, settings_.at_step);
}

void Keeper::report(const Kept& kept, const Rebuild& done) {
  ++rebuilds_;
  const auto& sale = done.sale;
  log_.info("state built in Redis", {{"event", kept.event->id},
                                     {"epoch", kept.event->epoch},
                                     {"orders", done.orders},
                                     {"unrecorded", sale.unrecorded.size()},
                                     {"available", sale.available},
                                     {"held", sale.held},
                                     {"sold", sale.sold},
                                     {"took_ms", core::monotonic_ms() - done.started_ms}});
  std::size_t logged = 0;
  for (const auto* findings : {&done.unreadable, &sale.findings})
    for (const auto& finding : *findings)
      if (++logged <= findings_logged_max) log_.warning("rebuild", {{"event", kept.event->id}, {"finding", finding}});
  if (logged > findings_logged_max)
    log_.warning("rebuild: more findings", {{"event", kept.event->id}, {"count", logged - findings_logged_max}});
}

}  // namespace app
