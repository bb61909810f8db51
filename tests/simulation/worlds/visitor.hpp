// One connection of a client in the simulated outside world: it sends requests cut anywhere and checks each answer.
// Most have bad manners: they stop reading, reset, vanish, or keep half a request to themselves. Ownership: the
// world's; holds its end of the connection. Thread: one.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "tests/simulation/kernel/kernel.hpp"

namespace simulation {

enum class Manners : uint8_t {
  polite,       // sends, reads, closes when all is answered
  half_closes,  // says that it has sent all, and reads on
  deaf,         // stops reading
  resets,       // in the middle
  leaves,       // closes without reading what is to come
  vanishes,     // its host is gone without a word
  dawdles,      // keeps the end of its last request to itself
  idles,        // stays connected when all is answered
  babbles,      // ends with something that is no HTTP
};
inline constexpr uint32_t manners = 9;

struct Request {
  std::string bytes;
  std::string answer;  // the body of its 200 or 201 ...
  bool whole = true;   // ... or a part of it
};

struct Answer {
  int status = 0;
  bool last = false;     // "Connection: close"
  bool patient = false;  // "Retry-After"
  std::string body;
};

class Visitor final : public Watcher {
 public:
  struct Plan {
    Manners manners = Manners::polite;
    std::deque<Request> requests;
    uint32_t in_flight_max = 1;    // pipelined requests
    uint32_t pause_us_max = 1000;  // before each portion it sends or reads
    uint32_t portion_bytes_max = 4096;
  };
  Visitor(Kernel& kernel, uint16_t port, Plan plan);
  ~Visitor();
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  // Its connection has ended, or it would not see that.
  bool done() const {
    return ended_ || (acted_ && (plan_.manners == Manners::deaf || plan_.manners == Manners::vanishes));
  }
  bool served() const { return answered_ == request_count_; }
  const std::string& refusal() const { return refusal_; }  // the body of its last 503; empty: none
  Manners manners() const { return plan_.manners; }
  uint32_t number() const { return number_; }
  uint32_t answered() const { return answered_; }
  int64_t last_sent_ms() const { return last_sent_ms_; }
  int64_t last_act_ms() const { return last_act_ms_; }          // has sent or got something
  int64_t longest_wait_ms() const { return longest_wait_ms_; }  // from the begin of a request to its answer's end
  // When the server ended the connection; 0 while it has not.
  int64_t ended_ms() const { return ended_ms_; }

 private:
  void file_changed() override;
  void plan_act();
  void act();
  void misbehave();
  void read();
  bool take_answer();
  void check(const Answer& answer);
  void end();
  std::string describe() const;

  Kernel& kernel_;
  Plan plan_;
  Stream* stream_ = nullptr;
  Hold hold_;
  std::string received_, refusal_;
  std::string sending_;  // what is left of the request being sent
  struct Expected {
    std::string answer;
    bool whole;
    int64_t asked_ms;
  };
  std::deque<Expected> expected_;
  uint32_t number_;
  uint32_t request_count_;
  uint32_t answered_ = 0;
  bool acting_ = false, reading_ = false;
  bool acted_ = false;  // has sent all it wanted and shown its manners
  bool deaf_ = false;
  bool told_to_go_ = false;
  bool ended_ = false;
  int64_t last_sent_ms_ = 0, last_act_ms_ = 0, ended_ms_ = 0, longest_wait_ms_ = 0;
};

}  // namespace simulation
