// A Redis of the simulated outside world: it speaks RESP2, knows what a link asks when it greets, and leaves what a
// command does to its world. It can be stopped, cut off, made a replica, fail over, forget its scripts, or talk
// nonsense. Ownership: the world's; holds its ends of the connections. Thread: one.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/kernel/kernel.hpp"

namespace simulation {

using Words = std::vector<std::string>;

class RedisModel {
 public:
  static constexpr uint16_t port = 6379;
  // What a command does; the reply in RESP2. Not asked for what a link greets with.
  using Execute = std::function<std::string(const Words&)>;
  // `scripts`: SHA-1 by source.
  RedisModel(Kernel& kernel, std::map<std::string, std::string, std::less<>> scripts, Execute execute);
  ~RedisModel();
  RedisModel(const RedisModel&) = delete;
  RedisModel& operator=(const RedisModel&) = delete;

  void stop_for(int64_t ms);              // as SIGSTOP: connections form, nothing is read
  void cut();                             // resets every connection
  void fail_over(bool connections_live);  // another history: a new master_replid
  void set_replica(bool replica) { replica_ = replica; }
  void flush_scripts() { loaded_.clear(); }
  // Every command but the greeting is answered with this error and not executed; empty: executed.
  void refuse(std::string error) { refusal_ = std::move(error); }
  void set_reception(Kernel::Reception reception) { reception_ = reception; }
  void babble();  // says something that is no RESP2 on every connection
  void set_delay_us_max(uint32_t delay_us_max) { delay_us_max_ = delay_us_max; }
  void recover();  // well again, in all of the above

  uint64_t generation() const;  // as a link computes it
  uint64_t executed() const { return executed_; }
  bool idle() const;  // has read and answered all that arrived

 private:
  class Visit;
  friend class Visit;
  void go_on();
  Kernel::Reception receive(Stream& stream);
  std::string answer(const Words& words);
  std::string info() const;

  Kernel& kernel_;
  const std::map<std::string, std::string, std::less<>> scripts_;
  Execute execute_;
  std::vector<std::unique_ptr<Visit>> visits_;
  std::set<std::string, std::less<>> loaded_;
  std::string replid_, refusal_;
  Kernel::Reception reception_ = Kernel::Reception::accepted;
  bool stopped_ = false, replica_ = false;
  uint32_t delay_us_max_ = 200;
  uint64_t executed_ = 0;
};

std::string bulk(std::string_view text);

}  // namespace simulation
