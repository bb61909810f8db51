#include "app/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace app {
namespace {

class Overlay {
 public:
  Overlay(const core::Event& event, Survivors survivors) : event_{event} {
    sale_.holds = std::move(survivors.holds);
    sale_.users = std::move(survivors.users);
    sale_.unrecorded = std::move(survivors.unrecorded);
    sale_.payments = std::move(survivors.payments);
    sale_.seats.assign(event.seat_count, '.');
  }

  void decided(const persist::OrderRow& row);
  void paid(const persist::PaymentRow& row) {
    sale_.payments.try_emplace(row.reference,
                               PaymentRecord{row.decision, row.hold, row.user, row.amount, row.currency});
  }
  void survived();
  SaleState finish();

 private:
  std::vector<uint32_t> seats_of(const persist::Order& order);
  void confirmed(const persist::Order& order, HoldRecord& record);
  void own(const std::vector<uint32_t>& seats, char character);
  bool free(const std::vector<uint32_t>& seats) const;
  bool known(const std::string& id, HoldRecord& record);
  void unrecorded_order(const std::string& id, const HoldRecord& record);
  void unknown_order(const std::string& id, const HoldRecord& record);
  void live_hold(const std::string& id, HoldRecord& record);
  void check_unrecorded();
  void count_users();
  void count_seats();

  const core::Event& event_;
  SaleState sale_;
  std::set<std::string, std::less<>> decided_;   // ids PostgreSQL has decided on
  std::map<std::string, int64_t> orders_found_;  // user -> orders that Redis had not counted
};

std::vector<uint32_t> Overlay::seats_of(const persist::Order& order) {
  std::vector<uint32_t> seats;
  for (const auto& id : order.seats) {
    if (const auto seat = event_.seat_index(id))
      seats.push_back(*seat);
    else
      sale_.findings.push_back(fmt::format("order {} has seat {}, which the event does not have", order.order, id));
  }
  std::ranges::sort(seats);
  return seats;
}

void Overlay::own(const std::vector<uint32_t>& seats, char character) {
  for (const auto seat : seats) sale_.seats[seat] = character;
}

bool Overlay::free(const std::vector<uint32_t>& seats) const {
  return std::ranges::all_of(seats, [this](uint32_t seat) { return sale_.seats[seat] == '.'; });
}

// Records of seats the event does not have are of no use to anybody.
bool Overlay::known(const std::string& id, HoldRecord& record) {
  const bool good = std::ranges::all_of(record.seats, [this](uint32_t seat) { return seat < event_.seat_count; });
  if (!good) sale_.findings.push_back(fmt::format("hold {} has a seat the event does not have", id));
  if (!good) std::erase_if(record.seats, [this](uint32_t seat) { return seat >= event_.seat_count; });
  return good;
}

void Overlay::decided(const persist::OrderRow& row) {
  const auto& order = row.order;
  decided_.insert(order.order);
  const auto found = sale_.holds.find(order.order);
  const bool survived = found != sale_.holds.end();
  auto& record = survived ? found->second : sale_.holds[order.order];
  if (!survived) record.state = ' ';
  record.user = order.user;
  record.seats = seats_of(order);
  record.amount = order.amount;
  record.reference = order.reference;
  if (record.paid_at_ms == 0) record.paid_at_ms = order.decided_at_ms;
  if (row.state == persist::Outcome::confirmed) return confirmed(order, record);
  // Rejected for good: the refund is on its way, nothing is left to be recorded.
  record.state = row.state == persist::Outcome::cancelled ? 'X' : 'J';
  record.reason = row.reason;
  sale_.unrecorded.erase(order.order);
}

void Overlay::confirmed(const persist::Order& order, HoldRecord& record) {
  own(record.seats, 'x');
  // Still unrecorded in Redis: it stays so, and recorded.lua will say so in the log as it always does.
  if (record.state == 'C') return;
  if (!record.live_order()) ++orders_found_[order.user];
  record.state = 'R';
  sale_.unrecorded.erase(order.order);
}

void Overlay::survived() {
  // Orders before holds: money comes first.
  for (auto& [id, record] : sale_.holds) {
    (void)known(id, record);
    if (record.state == 'C') unrecorded_order(id, record);
    if (record.state == 'R' && !decided_.contains(id)) unknown_order(id, record);
  }
  for (auto& [id, record] : sale_.holds)
    if (record.live_hold()) live_hold(id, record);
}

void Overlay::unrecorded_order(const std::string& id, const HoldRecord& record) {
  own(record.seats, 'x');
  sale_.unrecorded.try_emplace(id, record.paid_at_ms);
}

void Overlay::unknown_order(const std::string& id, const HoldRecord& record) {
  own(record.seats, 'x');
  sale_.findings.push_back(fmt::format("Redis calls order {} recorded and PostgreSQL does not know it", id));
}

void Overlay::live_hold(const std::string& id, HoldRecord& record) {
  if (record.seats.empty() || !free(record.seats)) {
    record.state = 'E';
    sale_.findings.push_back(fmt::format("hold {} lost a seat to an order and has expired", id));
    return;
  }
  own(record.seats, record.state == 'P' ? 'p' : 'h');
  if (record.state == 'H') sale_.deadlines[id] = record.deadline_ms;
}

// What waits to be recorded has to have something that can be.
void Overlay::check_unrecorded() {
  std::erase_if(sale_.unrecorded, [this](const auto& entry) {
    const std::string& id = entry.first;
    const bool payment = id.starts_with("p:");
    const auto hold = payment ? sale_.holds.end() : sale_.holds.find(id);
    const bool good =
        payment ? sale_.payments.contains(id.substr(2)) : hold != sale_.holds.end() && hold->second.state == 'C';
    if (!good) sale_.findings.push_back(fmt::format("unrecorded {} has no record and was dropped", id));
    return !good;
  });
}

void Overlay::count_users() {
  std::map<std::string, UserRecord> counted;
  for (const auto& [id, record] : sale_.holds) {
    const auto before = sale_.users.find(record.user);
    const bool listed = before != sale_.users.end() && std::ranges::count(before->second.holds, id) > 0;
    const bool live = record.live_hold() || record.live_order();
    // A rejected order stays listed, so that its user is told.
    const bool told = (record.state == 'J' || record.state == 'X') && (listed || decided_.contains(id));
    if (!live && !told) continue;
    auto& user = counted[record.user];
    user.holds.push_back(id);
    if (live) user.seats += static_cast<int64_t>(record.seats.size());
  }
  for (auto& [id, user] : sale_.users) user.seats = 0, user.holds.clear();
  for (auto& [id, owned] : counted) {
    auto& user = sale_.users[id];
    user.seats = owned.seats;
    user.holds = std::move(owned.holds);
  }
  for (const auto& [id, found] : orders_found_) {
    auto& user = sale_.users[id];
    user.orders += found;
    if (user.status != '-' || user.orders < event_.admission.orders_per_admission) continue;
    user.status = 'd';
    sale_.done.push_back(id);
  }
}

void Overlay::count_seats() {
  for (const char seat : sale_.seats) {
    sale_.available += seat == '.';
    sale_.held += seat == 'h' || seat == 'p';
    sale_.sold += seat == 'x';
  }
}

SaleState Overlay::finish() {
  check_unrecorded();
  count_users();
  count_seats();
  return std::move(sale_);
}

}  // namespace

SaleState overlay(const core::Event& event, std::span<const persist::OrderRow> orders,
                  std::span<const persist::PaymentRow> payments, Survivors survivors) {
  Overlay over{event, std::move(survivors)};
  for (const auto& order : orders) over.decided(order);
  for (const auto& payment : payments) over.paid(payment);
  over.survived();
  return over.finish();
}

}  // namespace app
