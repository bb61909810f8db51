#include "persist/log_announcer.hpp"

#include <algorithm>
#include <utility>

#include "core/time.hpp"
#include "persist/dead_letters.hpp"

namespace persist {
namespace {

constexpr int64_t lease_every_ms = 3000, retry_every_ms = 500;
constexpr int64_t idle_ms_min = 25, idle_ms_max = 400;  // between looks into a log without news

}  // namespace

LogAnnouncer::LogAnnouncer(Settings settings, LogSource& source, const core::Log& log)
    : settings_{std::move(settings)}, source_{source}, log_{log}, postgres_{{.dsn = settings_.dsn}} {
  if (settings_.kafka.brokers.empty()) return;
  DeliverySink& sink = *this;
  producer_ = std::make_unique<KafkaProducer>(settings_.kafka, sink, log_);
}

bool LogAnnouncer::round() {
  find_sales();
  bool more = false;
  for (auto& [event, sale] : sales_) {
    const int64_t now_ms = core::monotonic_ms();
    keep_lease(sale, now_ms);
    if (!sale.leased) continue;
    if (std::exchange(sale.restart, false)) {
      sale.cursor.restart(sale.cursor.position());
      sale.read_again_at_ms = now_ms + retry_every_ms;
    }
    if (producer_)
      more = follow(sale, now_ms) || more;
    else
      skip(sale);
    store(sale);
  }
  if (producer_) producer_->poll(more ? 0 : 10);
  put_aside_refused();
  return more;
}

void LogAnnouncer::find_sales() {
  for (auto& event : source_.events()) {
    auto [found, fresh] = sales_.try_emplace(event);
    if (fresh) found->second.event = std::move(event);
  }
}

void LogAnnouncer::keep_lease(Sale& sale, int64_t now_ms) {
  if (now_ms < sale.lease_again_at_ms) return;
  auto lease = source_.lease(sale.event);
  const bool granted = lease && lease.value.granted;
  sale.lease_again_at_ms = now_ms + (granted ? lease_every_ms : retry_every_ms);
  if (granted && !sale.leased) {
    sale.stored = lease.value.announced;
    sale.cursor.restart(sale.stored);
    sale.restart = false;
  }
  sale.leased = granted;
}

// Reads and sends what the window has room for. True: there is more to read.
bool LogAnnouncer::follow(Sale& sale, int64_t now_ms) {
  const std::size_t under_way = sale.cursor.in_flight();
  if (now_ms < sale.read_again_at_ms || under_way >= settings_.window) return false;
  const std::size_t most = std::min(settings_.read_max, settings_.window - under_way);
  auto entries = source_.read(sale.event, sale.cursor.newest(), most);
  const bool news = entries && !entries.value.empty();
  sale.idle_ms = news ? 0 : std::clamp(sale.idle_ms * 2, idle_ms_min, idle_ms_max);
  sale.read_again_at_ms = now_ms + sale.idle_ms;
  if (!news) return false;
  for (auto& entry : entries.value)
    if (!send(sale, std::move(entry))) return false;
  return entries.value.size() == most;
}

// False: the producer takes no more now; the entry is read again.
bool LogAnnouncer::send(Sale& sale, LogEntry&& entry) {
  const uint64_t tag = ++last_tag_;
  const auto error = producer_->produce(announcement_of(sale.event, entry), tag);
  if (error == core::Error::overload || error == core::Error::unavailable) return false;
  sale.cursor.sent(entry.seq);
  flights_.emplace(tag, Flight{&sale, std::move(entry)});
  if (error == core::Error::protocol) refused(tag, "too large");
  return true;
}

void LogAnnouncer::skip(Sale& sale) {
  const int64_t now_ms = core::monotonic_ms();
  if (now_ms < sale.read_again_at_ms) return;
  sale.read_again_at_ms = now_ms + idle_ms_max;
  auto newest = source_.newest(sale.event);
  if (newest && newest.value > sale.cursor.position()) sale.cursor.restart(newest.value);
}

void LogAnnouncer::store(Sale& sale) {
  if (sale.cursor.position() <= sale.stored) return;
  auto kept = source_.advance(sale.event, sale.cursor.position());
  if (!kept) return;  // Redis is away; the next round tries again
  sale.leased = kept.value;
  if (kept.value) sale.stored = sale.cursor.position();
}

void LogAnnouncer::finish(int64_t wait_ms) {
  if (!producer_) return;
  const int64_t until_ms = core::monotonic_ms() + wait_ms;
  while (!flights_.empty() && core::monotonic_ms() < until_ms) producer_->poll(20);
  for (auto& [event, sale] : sales_)
    if (sale.leased) store(sale);
}

// An entry Kafka will never take counts as arrived once a person can find it.
void LogAnnouncer::put_aside_refused() {
  for (auto& flight : std::exchange(refused_, {})) {
    const auto message = announcement_of(flight.sale->event, flight.entry);
    if (!postgres_.connected() && !postgres_.connect()) {
      flight.sale->restart = true;
      continue;
    }
    auto answer = put_dead_letter(postgres_, log_,
                                  {"announcement", message.id, flight.sale->event, message.data, "refused by Kafka"});
    if (answer)
      flight.sale->cursor.arrived(flight.entry.seq);
    else
      flight.sale->restart = true;
  }
}

void LogAnnouncer::delivered(uint64_t tag) noexcept {
  auto flight = flights_.extract(tag);
  if (!flight) return;
  flight.mapped().sale->cursor.arrived(flight.mapped().entry.seq);
  ++announced_;
}

void LogAnnouncer::returned(uint64_t tag) noexcept {
  auto flight = flights_.extract(tag);
  if (flight) flight.mapped().sale->restart = true;
}

void LogAnnouncer::refused(uint64_t tag, std::string_view) noexcept {
  auto flight = flights_.extract(tag);
  if (flight) refused_.push_back(std::move(flight.mapped()));
}

}  // namespace persist
