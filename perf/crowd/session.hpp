// One person at the server: identity, ticket, admission and up to two browser tabs (connections). Each call is one
// request of the HTTP contract, measured under its step, and comes back as the members a person would look at.
// Ownership: a Session belongs to its buyer and outlives its calls. Thread: the crowd's only thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "perf/crowd/http_client.hpp"
#include "perf/crowd/sale.hpp"
#include "perf/crowd/seat_map.hpp"
#include "perf/crowd/task.hpp"

namespace crowd {

struct LineAnswer {
  int status = 0;  // 0: no answer
  std::string code;
  std::string state;  // lobby, waiting, admitted, paused, sold_out, closed, expired, done
  std::optional<int64_t> position;
  double next_poll_s = 1;
  double retry_after_s = 0;
};

struct MapAnswer {
  int status = 0;
  std::string code;
  std::optional<SeatMap> map;
  double retry_after_s = 0;
};

struct HoldAnswer {
  int status = 0;
  std::string code;
  std::string hold, state;
  std::vector<std::string> seats;
  int64_t amount = 0;
  std::string currency;
  bool replayed = false;
  double retry_after_s = 0;
  bool succeeded() const { return status == 200 || status == 201; }
};

struct MeAnswer {
  int status = 0;
  std::vector<std::string> holds, orders;  // ids
};

enum class Tab : uint8_t { first, second };
enum class Credential : uint8_t { ticket, admission };

class Session {
 public:
  Session(Sale& sale, std::string user, bool cookies, std::optional<asio::ip::address> source);

  // The line. join and poll keep the ticket and the admission they are given; a further join shows the ticket, as a
  // reloaded page would.
  Task<LineAnswer> join(Step step, Tab tab);
  Task<LineAnswer> poll(Tab tab);
  Task<int> leave();
  Task<int> gate();

  // Seats.
  Task<MapAnswer> map();
  Task<HoldAnswer> hold(Step step, Tab tab, Pick pick, std::string idempotency_key, Credential credential);
  Task<HoldAnswer> look(Step step, std::string hold);
  Task<HoldAnswer> extend(std::string hold);
  Task<int> release(std::string hold);

  // Money.
  Task<OrderAnswer> confirm(Step step, Tab tab, Payment payment, std::string idempotency_key);
  Task<bool> confirm_and_drop(Payment payment, std::string idempotency_key);  // false: could not be sent
  Task<OrderAnswer> order(std::string order);
  Task<MeAnswer> me();

  const std::string& user() const { return user_; }
  bool has_ticket() const { return !ticket_.empty(); }
  void forget_place() { ticket_.clear(), admission_.clear(); }
  // Nothing is asked for a while: close what the server would close for idleness.
  void rest();

 private:
  Request request(Method method, std::string path, Credential credential) const;
  Request confirm_request(const Payment& payment, const std::string& idempotency_key) const;
  Task<Answer> call(Step step, Tab tab, const Request& request, std::string& code);
  Task<LineAnswer> line(Step step, Tab tab, const Request& request);

  Sale& sale_;
  const std::string user_;
  const std::string base_;  // /v1/events/{event}
  const bool cookies_;      // credentials travel as cookies
  std::string ticket_, admission_;
  Connection first_, second_;
};

}  // namespace crowd
