#include "tests/simulation/worlds/redis_model.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "core/hash.hpp"

namespace simulation {
namespace {

// Takes one command from the front of the bytes, when it is there whole: "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n".
class CommandReader {
 public:
  explicit CommandReader(std::string_view bytes) : rest_{bytes} {}
  std::optional<Words> read() {
    const auto count = header('*');
    if (!count) return std::nullopt;
    Words words;
    for (uint64_t at = 0; at < *count; ++at) {
      const auto size = header('$');
      if (!size || rest_.size() < *size + 2) return std::nullopt;
      words.emplace_back(rest_.substr(0, *size));
      rest_.remove_prefix(*size + 2);
    }
    return words;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::optional<uint64_t> header(char type) {
    const auto end = rest_.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    if (rest_.front() != type) fail("the link sent no RESP2: " + std::string{rest_.substr(0, 60)});
    uint64_t number = 0;
    std::from_chars(rest_.data() + 1, rest_.data() + end, number);
    rest_.remove_prefix(end + 2);
    return number;
  }
  std::string_view rest_;
};

std::string draw_replid(Chance& chance) { return fmt::format("{:020x}{:020x}", chance.next(), chance.next()); }

}  // namespace

std::string bulk(std::string_view text) { return fmt::format("${}\r\n{}\r\n", text.size(), text); }

// ---------------------------------------------------------------- one connection

class RedisModel::Visit final : public Watcher {
 public:
  Visit(RedisModel& redis, Stream& stream) : redis_{redis}, stream_{stream}, hold_{stream} { stream.watch(*this); }
  ~Visit() { stream_.unwatch(*this); }
  void file_changed() override { plan(); }
  void plan();
  void babble() { replies_ += "?what\r\n"; }
  void reset() {
    stream_.reset();
    end();
  }
  bool idle() const { return ended_ || (commands_.empty() && replies_.empty() && !stream_.readable()); }

 private:
  void work();
  void read();
  void write();
  void end() {
    ended_ = true;
    hold_ = Hold{};
  }
  RedisModel& redis_;
  Stream& stream_;
  Hold hold_;
  std::string commands_, replies_;
  bool planned_ = false, ended_ = false;
};

void RedisModel::Visit::plan() {
  if (planned_ || ended_ || redis_.stopped_) return;
  planned_ = true;
  redis_.kernel_.agenda.in_us(redis_.kernel_.chance.between(1, redis_.delay_us_max_), [this] {
    planned_ = false;
    if (!ended_ && !redis_.stopped_) work();
  });
}

void RedisModel::Visit::work() {
  read();
  if (!ended_) write();
}

void RedisModel::Visit::read() {
  char portion[16384];
  const auto count = stream_.receive(portion, redis_.kernel_.chance.between(1, sizeof portion));
  if (count == -EAGAIN) return;
  if (count <= 0) return end();
  commands_.append(portion, static_cast<std::size_t>(count));
  for (;;) {
    CommandReader reader{commands_};
    const auto words = reader.read();
    if (!words) break;
    commands_.erase(0, commands_.size() - reader.left());
    replies_ += redis_.answer(*words);
  }
  plan();
}

void RedisModel::Visit::write() {
  if (replies_.empty()) return;
  auto portion = std::string_view{replies_};
  if (redis_.kernel_.chance.happens(300)) portion = portion.substr(0, redis_.kernel_.chance.between(1, 200));
  const auto sent = stream_.send(portion);
  if (sent < 0 && sent != -EAGAIN) return end();
  if (sent > 0) replies_.erase(0, static_cast<std::size_t>(sent));
  if (!replies_.empty()) plan();
}

// ---------------------------------------------------------------- what is done to it

RedisModel::RedisModel(Kernel& kernel, std::map<std::string, std::string, std::less<>> scripts, Execute execute)
    : kernel_{kernel}, scripts_{std::move(scripts)}, execute_{std::move(execute)}, replid_{draw_replid(kernel.chance)} {
  kernel_.listen_outside(port, [this](Stream& stream) { return receive(stream); });
}

RedisModel::~RedisModel() = default;

Kernel::Reception RedisModel::receive(Stream& stream) {
  if (reception_ == Kernel::Reception::accepted) visits_.push_back(std::make_unique<Visit>(*this, stream));
  return reception_;
}

void RedisModel::stop_for(int64_t ms) {
  stopped_ = true;
  kernel_.agenda.in_ms(ms, [this] { go_on(); });
}

void RedisModel::go_on() {
  stopped_ = false;
  for (auto& visit : visits_) visit->plan();
}

void RedisModel::cut() {
  kernel_.note("redis cut");
  for (auto& visit : visits_) visit->reset();
}

void RedisModel::fail_over(bool connections_live) {
  kernel_.note("redis fails over");
  replid_ = draw_replid(kernel_.chance);
  loaded_.clear();
  if (!connections_live) cut();
}

void RedisModel::babble() {
  kernel_.note("redis babbles");
  for (auto& visit : visits_) visit->babble();
}

void RedisModel::recover() {
  kernel_.note("redis recovers");
  replica_ = false;
  refusal_.clear();
  reception_ = Kernel::Reception::accepted;
  delay_us_max_ = 200;
  go_on();
}

uint64_t RedisModel::generation() const { return core::fnv1a(replid_); }

bool RedisModel::idle() const {
  for (const auto& visit : visits_)
    if (!visit->idle()) return false;
  return true;
}

// ---------------------------------------------------------------- what it says

std::string RedisModel::info() const {
  return bulk(fmt::format("# Replication\r\nrole:{}\r\nmaster_replid:{}\r\nmaster_repl_offset:0\r\n",
                          replica_ ? "slave" : "master", replid_));
}

std::string RedisModel::answer(const Words& words) {
  if (words[0] == "INFO") return info();
  if (words[0] == "SCRIPT") {
    const auto found = scripts_.find(words[2]);
    if (found == scripts_.end()) fail("a script nobody knows is loaded");
    loaded_.insert(found->second);
    return bulk(found->second);
  }
  if (!refusal_.empty()) return "-" + refusal_ + "\r\n";
  if (replica_) return "-READONLY You can't write against a read only replica.\r\n";
  if (words[0] == "EVALSHA" && !loaded_.contains(words[1])) return "-NOSCRIPT No matching script.\r\n";
  ++executed_;
  return execute_(words);
}

}  // namespace simulation
