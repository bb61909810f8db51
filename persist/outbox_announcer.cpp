#include "persist/outbox_announcer.hpp"

#include <utility>

#include "core/time.hpp"
#include "persist/dead_letters.hpp"
#include "persist/text_list.hpp"

namespace persist {
namespace {

constexpr int64_t again_ms = 500;  // between attempts to connect or to be the one who announces

constexpr std::string_view select_rows =
    "SELECT b.ce_id, b.type, b.order_id, b.event, b.reference, coalesce(o.user_id, p.user_id, ''), "
    "array_to_string(o.seats, ','), coalesce(o.amount, p.amount), coalesce(o.currency, p.currency), "
    "CASE WHEN o.reason <> '' THEN o.reason WHEN b.type = 'refund.required' THEN p.decision ELSE '' END, "
    "coalesce(o.refund_required, p.refund_required), "
    "(extract(epoch FROM coalesce(o.decided_at, p.decided_at)) * 1000)::bigint "
    "FROM (SELECT * FROM outbox ORDER BY ce_id LIMIT $1) b "
    // A refund is about its payment: the order of the same id may have been paid by another one.
    "LEFT JOIN payments p ON p.event = b.event AND p.reference = b.reference "
    "LEFT JOIN orders o ON o.id = b.order_id AND (b.type <> 'refund.required' OR o.reference = b.reference) "
    "ORDER BY b.ce_id";

OutboxRow outbox_row(const Rows& rows, int row) {
  return {.id = std::string{rows.text(row, 0)},
          .type = std::string{rows.text(row, 1)},
          .order = std::string{rows.text(row, 2)},
          .event = std::string{rows.text(row, 3)},
          .user = std::string{rows.text(row, 5)},
          .seats = split(rows.text(row, 6)),
          .amount = rows.integer(row, 7),
          .currency = std::string{rows.text(row, 8)},
          .reference = std::string{rows.text(row, 4)},
          .reason = std::string{rows.text(row, 9)},
          .refund_required = rows.boolean(row, 10),
          .at_ms = rows.integer(row, 11)};
}

}  // namespace

OutboxAnnouncer::OutboxAnnouncer(Settings settings, const core::Log& log, const std::atomic<bool>& stopping)
    : settings_{std::move(settings)}, log_{log}, stopping_{stopping}, postgres_{{.dsn = settings_.dsn}} {
  if (settings_.kafka.brokers.empty()) return;
  DeliverySink& sink = *this;
  producer_ = std::make_unique<KafkaProducer>(settings_.kafka, sink, log_);
}

bool OutboxAnnouncer::failed(const SqlAnswer& answer) {
  log_.warning("outbox_failed", {{"problem", answer.problem}});
  postgres_.close();
  alone_ = false;
  return false;
}

bool OutboxAnnouncer::ready() {
  if (postgres_.connected() && alone_) return true;
  const int64_t now_ms = core::monotonic_ms();
  if (now_ms < again_at_ms_) return false;
  again_at_ms_ = now_ms + again_ms;
  if (!postgres_.connected()) {
    alone_ = false;
    if (!postgres_.connect()) return false;  // the writers say so in the log already
    // The outbox is nearly empty most of the time and its statistics lie either way; its key is always right.
    if (auto answer = postgres_.script("SET enable_seqscan = off"); !answer) return failed(answer);
  }
  auto answer = postgres_.query("SELECT pg_try_advisory_lock(7301, 1)");
  if (!answer) return failed(answer);
  alone_ = answer.rows.boolean(0, 0);
  return alone_;
}

bool OutboxAnnouncer::round() {
  if (!ready() || !load() || rows_.empty()) {
    if (producer_) producer_->poll(0);
    return false;
  }
  if (producer_ && (!send_all() || !put_aside_refused())) return false;
  if (!erase()) return false;
  announced_ += rows_.size();
  return rows_.size() == settings_.rows_max;
}

bool OutboxAnnouncer::load() {
  auto answer = postgres_.query(select_rows, Parameters{}.integer(static_cast<int64_t>(settings_.rows_max)));
  if (!answer) return failed(answer);
  rows_.clear();
  for (int row = 0; row < answer.rows.count(); ++row) rows_.push_back(outbox_row(answer.rows, row));
  return true;
}

// Sends and sends again until each row's fate is known. False: the process stops.
bool OutboxAnnouncer::send_all() {
  ++round_;
  fates_.assign(rows_.size(), Fate::unsent);
  open_ = rows_.size();
  while (open_ > 0 && !stopping_) {
    bool full = false;
    for (std::size_t at = 0; at < rows_.size() && !full; ++at) {
      if (fates_[at] != Fate::unsent) continue;
      const uint64_t tag = uint64_t{round_} << 32 | at;
      fates_[at] = Fate::sent;
      const auto error = producer_->produce(announcement_of(rows_[at]), tag);
      if (error == core::Error::protocol) refused(tag, "too large");
      full = error == core::Error::overload || error == core::Error::unavailable;
      if (full) fates_[at] = Fate::unsent;
    }
    producer_->poll(50);
  }
  return open_ == 0;
}

bool OutboxAnnouncer::put_aside_refused() {
  for (std::size_t at = 0; at < rows_.size(); ++at) {
    if (fates_[at] != Fate::refused) continue;
    const OutboxRow& row = rows_[at];
    const std::string payload = announcement_of(row).data;
    auto answer = put_dead_letter(postgres_, log_, {"announcement", row.id, row.event, payload, "refused by Kafka"});
    if (!answer) return failed(answer);
  }
  return true;
}

bool OutboxAnnouncer::erase() {
  std::vector<std::string_view> ids;
  for (const auto& row : rows_) ids.push_back(row.id);
  auto answer = postgres_.query("DELETE FROM outbox o USING unnest($1) AS gone (ce_id) WHERE o.ce_id = gone.ce_id",
                                Parameters{}.texts(ids));
  return answer ? true : failed(answer);
}

OutboxAnnouncer::Fate* OutboxAnnouncer::fate_of(uint64_t tag) {
  return tag >> 32 == round_ ? &fates_[static_cast<uint32_t>(tag)] : nullptr;
}

void OutboxAnnouncer::delivered(uint64_t tag) noexcept {
  Fate* fate = fate_of(tag);
  if (fate != nullptr && std::exchange(*fate, Fate::done) == Fate::sent) --open_;
}

void OutboxAnnouncer::returned(uint64_t tag) noexcept {
  if (Fate* fate = fate_of(tag); fate != nullptr && *fate == Fate::sent) *fate = Fate::unsent;
}

void OutboxAnnouncer::refused(uint64_t tag, std::string_view) noexcept {
  Fate* fate = fate_of(tag);
  if (fate != nullptr && std::exchange(*fate, Fate::refused) == Fate::sent) --open_;
}

}  // namespace persist
