// The operator's side of a rehearsal: creates the event, warms it and opens it, over the operations listener.
// Blocking; runs before the crowd. Thread: one.
#pragma once
#include <string>

#include "core/error.hpp"
#include "perf/crowd/options.hpp"

namespace crowd {

class Operator {
 public:
  explicit Operator(const Options& options) : options_{options} {}
  // PUT the definition, warm, open. A problem names the call and what was answered.
  core::Status put_on_sale(const std::string& event, const std::string& definition);

 private:
  core::Status call(const std::string& what, const std::string& target, const std::string& body, bool put);
  core::Status wait_for_state(const std::string& event, const std::string& state);
  const Options& options_;
};

}  // namespace crowd
