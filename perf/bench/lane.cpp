#include "perf/bench/lane.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/assert.hpp"
#include "perf/bench/machine.hpp"

namespace bench {

namespace {

constexpr uint32_t connecting_max = 256;  // at once, when nothing says how fast
constexpr int64_t tick_ms = 10;
constexpr uint32_t ticks_per_sweep = 100;
constexpr int64_t wait_ms_max = 5;
constexpr int64_t pacing_ms = 1;  // while connections are opened little by little

int64_t to_ns(double seconds) { return std::llround(seconds * 1e9); }

// The part of `total` that falls to this one of `parts`.
uint32_t part_begin(uint32_t total, uint32_t parts, uint32_t number) {
  return static_cast<uint32_t>(uint64_t{total} * number / parts);
}

uint32_t part(uint32_t total, uint32_t parts, uint32_t number) {
  return part_begin(total, parts, number + 1) - part_begin(total, parts, number);
}

}  // namespace

Lane::Lane(const Plan& plan, uint32_t number)
    : plan_{plan},
      number_{number},
      asking_first_{part_begin(plan.options.connections, plan.options.threads, number)},
      asking_count_{part(plan.options.connections, plan.options.threads, number)},
      idle_count_{part(plan.options.idle_connections, plan.options.threads, number)},
      slab_{asking_count_ + idle_count_},
      dues_(std::size_t{asking_count_} * plan.options.pipeline),
      tally_{plan.options.expect, static_cast<uint32_t>(std::ceil(plan.options.seconds))} {
  make_clients();
}

Lane::~Lane() {
  for (auto* client : clients_) slab_.give_back(*client);
}

void Lane::make_clients() {
  const auto total = asking_count_ + idle_count_;
  for (uint32_t slot = 0; slot < total; ++slot) {
    if (slot >= asking_count_) {
      clients_.push_back(slab_.take(*this, slot, Client::Role::idles, Supply::Share{}, nullptr));
      continue;
    }
    const auto share = plan_.supply.share(asking_first_ + slot);
    auto* dues = dues_.data() + std::size_t{slot} * plan_.options.pipeline;
    clients_.push_back(slab_.take(*this, slot, Client::Role::asks, share, dues));
    supplied_ += share.count;
  }
  const bool paced = plan_.options.connect_seconds > 0;
  eager_count_ = !paced ? total : plan_.options.idle_connections > 0 ? asking_count_ : 0;
}

core::Status Lane::open() {
  const auto& cpus = plan_.options.cpus;
  if (!cpus.empty()) {
    if (auto pinned = pin_thread(cpus[number_ % cpus.size()]); !pinned) return pinned;
  }
  if (auto status = loop_.open(); !status) return status;
  if (auto status = loop_.open_descriptors(asking_count_ + idle_count_); !status) {
    return {status.problem + "; or spread them over more --threads"};
  }
  return recv_ring_.open();
}

// ---- the whole life

core::Status Lane::run(Control& control) {
  auto status = open();
  if (status) {
    loop_.start(tick_, tick_ms);
    while (!control.stop && (opened_ < eager_count_ || connecting_ > 0)) {
      open_eager(connecting_max);
      round(wait_ms_max);
    }
  }
  ++control.ready;
  // Nobody asks before the agreed instant: such an answer would be in no count.
  while (status && !control.stop && (control.begin_ns == 0 || clock_ns() < control.begin_ns)) round(1);
  if (!status || control.stop) {
    if (loop_.is_open()) finish();
    return status;
  }
  measure(control.begin_ns, control);
  finish();
  return {};
}

void Lane::measure(int64_t begin_ns, const Control& control) {
  begin_asking(begin_ns);
  for (auto now = clock_ns(); !over(now, control); now = clock_ns()) {
    if (!in_window_ && now >= window_begin_ns_) {
      in_window_ = true;
      cpu_begin_ns_ = thread_cpu_ns();
    }
    if (in_window_ && opened_ < clients_.size()) open_paced(now);
    round(opened_ < clients_.size() ? pacing_ms : wait_ms_max);
  }
  ended_ns_ = clock_ns();
  if (in_window_) tally_.cpu_ns = thread_cpu_ns() - cpu_begin_ns_;
  if (schedule_) {
    schedule_->catch_up(std::min(ended_ns_, end_ns_));
    tally_.unsent = schedule_->waiting();
    tally_.backlog_max = std::max(tally_.backlog_max, tally_.unsent);
  }
  for (const auto* client : clients_) tally_.unanswered += client->unanswered();
}

void Lane::begin_asking(int64_t begin_ns) {
  const auto& options = plan_.options;
  window_begin_ns_ = begin_ns + to_ns(options.warm_up_seconds);
  end_ns_ = window_begin_ns_ + to_ns(options.seconds);
  tally_.open_window(window_begin_ns_, end_ns_);
  if (options.rate > 0) {
    const auto rate = options.rate / options.threads;
    const auto shift_ns = static_cast<int64_t>(1e9 / options.rate * number_);  // so that lanes do not ask in step
    schedule_.emplace(ArrivalTimes{options.arrivals, rate, options.seed + number_, begin_ns + shift_ns});
  }
  asking_ = true;
  for (auto* client : clients_) touch(*client);
}

bool Lane::over(int64_t now_ns, const Control& control) const {
  if (now_ns >= end_ns_ || control.stop) return true;
  return plan_.supply.order() == Order::once && supplied_ > 0 && done_ == supplied_;
}

void Lane::finish() {
  asking_ = false;
  closing_ = true;
  to_open_ = nullptr;
  tick_.stop();
  for (auto* client : clients_) client->end();
  const auto open = [](const Client* client) { return client->state() != Client::State::closed; };
  while (std::ranges::any_of(clients_, open) || starved_ != nullptr) round(1);
  loop_.join(alarm_);
}

// ---- one round

void Lane::round(int64_t wait_ms) {
  settle_touched();
  if (schedule_ && asking_) hand_out(clock_ns());
  unpark();
  loop_.turn(touched_ != nullptr ? 0 : wait_ms);
  now_ns_ = 0;
}

int64_t Lane::now_ns() {
  if (now_ns_ == 0) now_ns_ = clock_ns();
  return now_ns_;
}

void Lane::touch(Client& client) {
  if (std::exchange(client.touched_, true)) return;
  client.next_touched_ = std::exchange(touched_, &client);
}

void Lane::settle_touched() {
  auto* list = std::exchange(touched_, nullptr);
  now_ns_ = 0;
  while (list != nullptr) {
    auto& client = *std::exchange(list, list->next_touched_);
    client.touched_ = false;
    client.settle();
  }
}

void Lane::feed(Client& client) {
  if (!asking_) return;
  if (schedule_) {
    if (client.has_room()) push_free(client);
    return;
  }
  while (client.has_room()) client.ask(now_ns());
}

void Lane::hand_out(int64_t now_ns) {
  schedule_->catch_up(now_ns);
  while (schedule_->waiting() > 0) {
    auto* client = pop_free();
    if (client == nullptr) break;
    const auto due_ns = schedule_->take();
    tally_.handed_out(due_ns, now_ns);
    client->ask(due_ns);
    client->flush();
    if (client->has_room()) push_free(*client);
  }
  tally_.backlog_max = std::max(tally_.backlog_max, schedule_->waiting());
  if (schedule_->waiting() == 0) arm_alarm(schedule_->next_ns());
}

// The loop's timers are coarse; what is due is not. It does not spin instead: the processor may be Redis' as well.
void Lane::arm_alarm(int64_t at_ns) {
  if (alarm_.armed()) return;
  alarm_at_ = {at_ns / second_ns, at_ns % second_ns};
  io_uring_prep_timeout(&loop_.arm(alarm_), &alarm_at_, 0, IORING_TIMEOUT_ABS);
}

void Lane::push_free(Client& client) {
  if (std::exchange(client.in_free_queue_, true)) return;
  client.next_free_ = nullptr;
  (free_first_ == nullptr ? free_first_ : free_last_->next_free_) = &client;
  free_last_ = &client;
}

// Passes over those whose connection ended meanwhile.
Client* Lane::pop_free() {
  while (free_first_ != nullptr) {
    auto& client = *std::exchange(free_first_, free_first_->next_free_);
    client.in_free_queue_ = false;
    if (client.has_room()) return &client;
  }
  return nullptr;
}

void Lane::answered(int status, int64_t due_ns, int64_t now_ns) {
  ++done_;
  answered_.add();
  tally_.answered(status, due_ns, now_ns);
}

// ---- connections

const Destination& Lane::destination(const Client& client) const {
  const auto number = uint64_t{number_} * clients_.size() + client.slot();
  return plan_.destinations[number % plan_.destinations.size()];
}

// The socket lives in the ring's table only; what was in the slot before is let go by the kernel.
bool Lane::open_socket(uint32_t slot) {
  const int fd = ::socket(plan_.destinations.front().storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  const ::linger reset{1, 0};
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const bool placed = io_uring_register_files_update(&loop_.ring(), slot, &fd, 1) == 1;
  ::close(fd);
  return placed;
}

void Lane::open_eager(uint32_t at_once) {
  while (opened_ < eager_count_ && connecting_ < at_once) clients_[opened_++]->open();
}

void Lane::open_paced(int64_t now_ns) {
  const auto paced = static_cast<double>(clients_.size() - eager_count_);
  const auto passed = static_cast<double>(now_ns - window_begin_ns_) / static_cast<double>(second_ns);
  const auto due = std::min(paced, paced * passed / plan_.options.connect_seconds);
  const auto until = eager_count_ + static_cast<uint32_t>(due);
  while (opened_ < until) clients_[opened_++]->open();
}

// An asking one is replaced: at once when it ended in order, with a later tick when something was wrong.
void Lane::closed(Client& client) {
  const bool more = !closing_ && client.role() == Client::Role::asks && client.wants_more();
  if (more && !client.failed()) return client.open();  // the new socket takes the old one's place
  const int none = -1;
  io_uring_register_files_update(&loop_.ring(), client.slot(), &none, 1);
  if (more) client.next_parked_ = std::exchange(to_open_, &client);
}

void Lane::park(Client& client) { client.next_parked_ = std::exchange(starved_, &client); }

// Re-arming while the ring is nearly empty would fail at once and spin.
void Lane::unpark() {
  if (starved_ == nullptr || !recv_ring_.half_free()) return;
  auto* list = std::exchange(starved_, nullptr);
  while (list != nullptr) {
    auto& client = *std::exchange(list, list->next_parked_);
    client.buffers_are_back();
    touch(client);
  }
}

// Ten milliseconds: opens again what failed, and looks at a hundredth of the connections for answers that do not come.
void Lane::tick() noexcept {
  loop_.start(tick_, tick_ms);
  auto* list = asking_ ? std::exchange(to_open_, nullptr) : nullptr;
  while (list != nullptr) std::exchange(list, list->next_parked_)->open();
  const auto limit_ns = clock_ns() - to_ns(plan_.options.timeout_seconds);
  const auto slice = opened_ / ticks_per_sweep + 1;
  for (uint32_t looked = 0; looked < slice && opened_ > 0; ++looked) {
    swept_ = (swept_ + 1) % opened_;
    clients_[swept_]->give_up_before(limit_ns);
  }
}

}  // namespace bench
