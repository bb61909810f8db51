// Dead letters: what could not be processed and waits for a person, one row each however often it is tried.
// Ownership: borrows a connection. Thread: that of the connection; calls block.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "core/log.hpp"
#include "persist/postgres.hpp"

namespace persist {

struct DeadLetter {
  std::string_view kind;  // order, refusal, announcement
  std::string_view key;   // order id, payment reference, ce_id
  std::string_view event;
  std::string_view payload;  // JSON that PostgreSQL can take: see printable()
  std::string_view problem;
};

// Logs and stores it. When it is not stored (anything but done), what it is about must not be forgotten.
SqlAnswer put_dead_letter(Postgres& postgres, const core::Log& log, const DeadLetter& letter);

// What made a row unacceptable may be its bytes, so everything but printable ASCII is shown as \xNN.
std::string printable(std::string_view text, std::size_t bytes_max = 4096);

}  // namespace persist
