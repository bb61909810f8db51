#include "perf/crowd/definition.hpp"

#include <algorithm>

#include "core/json_writer.hpp"

namespace crowd {
namespace {

using Writer = core::JsonWriter<std::string>;

constexpr uint32_t rows_per_section = 5;
constexpr uint32_t rows_max = 300;  // a definition is a request body, and those end at 16 KiB

void write_row(Writer& json, uint32_t number, uint32_t seats) {
  json.begin_object().member("row", std::to_string(number)).member("seats", static_cast<int64_t>(seats)).end_object();
}

void write_section_head(Writer& json, const std::string& id, const std::string& label, int64_t amount) {
  json.begin_object().member("id", id).member("name", label).member("amount", amount);
}

void write_numbered(Writer& json, uint32_t seats) {
  const uint32_t row_seats = std::max(20u, (seats + rows_max - 1) / rows_max);
  for (uint32_t number = 1; seats > 0; ++number) {
    std::string id = "S" + std::to_string(number);
    write_section_head(json, id, "Stand " + std::to_string(number), 15400 - 100 * static_cast<int64_t>(number % 50));
    json.key("rows").begin_array();
    for (uint32_t row = 1; row <= rows_per_section && seats > 0; ++row) {
      uint32_t wide = std::min(row_seats, seats);
      write_row(json, row, wide);
      seats -= wide;
    }
    json.end_array().end_object();
  }
}

void write_pace(Writer& json, uint32_t buyers) {
  int64_t rate_per_s = std::max<int64_t>(300, buyers / 20);
  json.key("admission").begin_object().member("rate_per_s", rate_per_s).member("active_max", 400);
  json.member("active_ttl_s", active_ttl_s(buyers)).member("orders_per_admission", 1).end_object();
  json.key("line").begin_object().member("reform_s", line_reform_s).end_object();
  json.key("holds").begin_object().member("ttl_s", hold_ttl_s).member("extensions", 1);
  json.member("payment_cap_s", 30).member("seats_per_user", static_cast<int64_t>(seats_per_user));
  json.member("release_window_s", 1).end_object();
}

}  // namespace

int64_t active_ttl_s(uint32_t buyers) {
  if (buyers > 10'000) return 75;
  return buyers > 1000 ? 15 : 10;
}

std::string render_definition(const Options& options, int64_t now_ms) {
  constexpr int64_t hour_ms = 3'600'000;
  std::string body;
  Writer json{body};
  json.begin_object().member("name", "Crowd rehearsal").member("venue", "Hall 1").member("currency", "KRW");
  json.key("opens_at").instant(now_ms + hour_ms).key("closes_at").instant(now_ms + 24 * hour_ms);
  json.key("sections").begin_array();
  write_numbered(json, options.seats);
  if (options.standing > 0) {
    write_section_head(json, "GA", "Standing", 9900);
    json.member("general", static_cast<int64_t>(options.standing)).end_object();
  }
  json.end_array();
  write_pace(json, options.buyers);
  json.end_object();
  return body;
}

}  // namespace crowd
