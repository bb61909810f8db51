#include "persist/dead_letters.hpp"

namespace persist {
namespace {

constexpr std::size_t key_bytes_max = 200;  // an index entry has room for 2700

}  // namespace

std::string printable(std::string_view text, std::size_t bytes_max) {
  const char hex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out.push_back(c);
    } else {
      out.append("\\x").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    }
  }
  return out;
}

SqlAnswer put_dead_letter(Postgres& postgres, const core::Log& log, const DeadLetter& letter) {
  const std::string key = printable(letter.key, key_bytes_max), event = printable(letter.event);
  const std::string problem = printable(letter.problem);
  log.error("dead_letter", {{"kind", letter.kind}, {"key", key}, {"event", event}, {"problem", problem}});
  return postgres.query(
      "INSERT INTO dead_letters AS d (kind, key, event, payload, error) VALUES ($1, $2, $3, $4::text::jsonb, $5) "
      "ON CONFLICT (kind, event, key) DO UPDATE SET attempts = d.attempts + 1, last_at = now(), error = excluded.error",
      Parameters{}.text(letter.kind).text(key).text(event).text(letter.payload).text(problem));
}

}  // namespace persist
