#include "perf/crowd/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace crowd {
namespace {

constexpr milliseconds terminal_every{200}, file_every{2000};

uint32_t at(const Sale& sale, Stage stage) { return sale.people[static_cast<std::size_t>(stage)]; }

void show(const Sale& sale, bool terminal) {
  fmt::print("{}{}{}", terminal ? "\r\x1b[K" : "", render_progress(sale), terminal ? "" : "\n");
  std::fflush(stdout);
}

}  // namespace

std::string render_progress(const Sale& sale) {
  const std::chrono::duration<double> since = Clock::now() - sale.started;
  return fmt::format(
      "{:6.1f} s   to come {}   in line {}   admitted {}   holding {}   done {}   sold {}/{}   errors {}",
      since.count(), at(sale, Stage::away), at(sale, Stage::in_line), at(sale, Stage::admitted),
      at(sale, Stage::holding), at(sale, Stage::finished), sale.ledger.seats_confirmed(), sale.event.seat_count,
      sale.statistics.errors_total());
}

Task<> show_progress(const Sale& sale) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  auto last_shown = Clock::now();
  while (at(sale, Stage::finished) < sale.options.buyers) {
    co_await sleep_until(Clock::now() + terminal_every);
    if (!terminal && Clock::now() - last_shown < file_every) continue;
    last_shown = Clock::now();
    show(sale, terminal);
  }
  show(sale, terminal);
  if (terminal) fmt::print("\n");
}

}  // namespace crowd
