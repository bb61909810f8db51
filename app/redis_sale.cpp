#include "app/redis_sale.hpp"

#include <fmt/format.h>

#include <set>

#include "core/assert.hpp"

namespace app {
namespace {

constexpr std::size_t chunk_commands_max = 1000;  // about a millisecond of Redis
constexpr std::string_view all_keys[] = {"meta", "line",     "active",     "seats", "hold",    "holds", "user",
                                         "idem", "payments", "unrecorded", "log",   "cursors", "lease"};

std::string text(int64_t number) { return std::to_string(number); }

// The entries of `now` that `before` does not have like that.
template <class Record>
std::vector<const std::pair<const std::string, Record>*> differing(const std::map<std::string, Record>& now,
                                                                   const std::map<std::string, Record>& before) {
  std::vector<const std::pair<const std::string, Record>*> found;
  for (const auto& entry : now) {
    const auto was = before.find(entry.first);
    if (was == before.end() || !(was->second == entry.second)) found.push_back(&entry);
  }
  return found;
}

}  // namespace

// Commands of one transaction.
class RedisSale::Chunk {
 public:
  using Words = std::vector<std::string>;
  void add(Words words) { commands_.push_back(std::move(words)); }
  bool full() const { return commands_.size() >= chunk_commands_max; }
  bool empty() const { return commands_.empty(); }
  std::size_t size() const { return commands_.size(); }
  void append_to(ColdRedis& redis) const {
    for (const auto& words : commands_) redis.append(std::vector<std::string_view>{words.begin(), words.end()});
  }
  void clear() { commands_.clear(); }

 private:
  std::vector<Words> commands_;
};

void RedisSale::append_meta(ColdRedis& redis, std::string_view event) {
  redis.append({"HMGET", lua::key_of(event, "meta"), "epoch", "state", "replid", "seq", "head", "terms_version",
                "available", "held", "sold"});
}

SaleMeta RedisSale::read_meta(std::span<const Reply> replies) {
  ONSALE_ASSERT(replies.size() >= meta_replies);
  const auto fields = replies[0].view();
  SaleMeta meta;
  meta.present = !fields[0].null() && !fields[1].null();
  meta.epoch = fields[0].number();
  meta.state = fields[1].text();
  meta.replid = fields[2].text();
  meta.seq = fields[3].number();
  meta.head = fields[4].number();
  meta.terms_version = fields[5].number();
  meta.available = fields[6].number();
  meta.held = fields[7].number();
  meta.sold = fields[8].number();
  return meta;
}

void RedisSale::append_sizes(ColdRedis& redis, std::string_view event) {
  redis.append({"ZCARD", lua::key_of(event, "line")});
  redis.append({"ZCARD", lua::key_of(event, "active")});
  redis.append({"ZCARD", lua::key_of(event, "unrecorded")});
  redis.append({"ZRANGE", lua::key_of(event, "unrecorded"), "0", "0", "WITHSCORES"});
  redis.append({"XLEN", lua::key_of(event, "log")});
}

SaleSizes RedisSale::read_sizes(std::span<const Reply> replies) {
  ONSALE_ASSERT(replies.size() >= sizes_replies);
  return {replies[0].view().number(), replies[1].view().number(), replies[2].view().number(),
          replies[3].view()[1].number(), replies[4].view().number()};
}

RedisSale::Outcome RedisSale::check(const core::Result<Reply>& reply) {
  if (!reply) problem_ = redis_.problem();
  if (!reply) return Outcome::unavailable;
  if (!reply->view().error()) return Outcome::done;
  problem_ = reply->view().text();
  return Outcome::failed;
}

// Of a script that answers 'ok' or says in a word why not.
RedisSale::Outcome RedisSale::word(const core::Result<Reply>& reply) {
  const auto outcome = check(reply);
  if (outcome != Outcome::done) return outcome;
  const auto answer = reply->view().array() ? reply->view()[0].text() : reply->view().text();
  if (answer == "ok") return Outcome::done;
  problem_ = fmt::format("Redis answers {}", answer);
  return Outcome::changed;
}

RedisSale::Outcome RedisSale::look(SaleMeta& meta) {
  append_meta(redis_, event_);
  auto replies = redis_.finish();
  if (!replies) return problem_ = redis_.problem(), Outcome::unavailable;
  meta = read_meta(replies.value);
  return Outcome::done;
}

RedisSale::Outcome RedisSale::freeze(int64_t epoch, core::EventState initial) {
  const auto outcome = word(redis_.script(scripts_["freeze"], event_, {text(epoch), core::name(initial)}));
  if (outcome != Outcome::done) return outcome;
  SaleMeta meta;
  const auto looked = look(meta);
  epoch_ = epoch;
  seq_ = meta.seq;
  if (looked != Outcome::done) return looked;
  return meta.epoch == epoch && meta.state == "frozen" ? Outcome::done : Outcome::changed;
}

template <class Take>
RedisSale::Outcome RedisSale::scan(std::string_view name, Take take) {
  const auto where = key(name);
  std::string cursor = "0";
  do {
    const auto page = redis_.command({"HSCAN", where, cursor, "COUNT", "1000"});
    const auto outcome = check(page);
    if (outcome != Outcome::done) return outcome;
    const auto fields = page->view()[1];
    for (std::size_t at = 0; at + 1 < fields.size(); at += 2) take(fields[at].text(), fields[at + 1].text());
    cursor = page->view()[0].text();
  } while (cursor != "0");
  return Outcome::done;
}

RedisSale::Outcome RedisSale::survivors(Survivors& found, std::vector<std::string>& findings) {
  const auto into = [&findings]<class Record>(std::map<std::string, Record>& records, std::string_view kind) {
    return [&findings, &records, kind](std::string_view id, std::string_view packed) {
      if (auto record = Record::parse(packed))
        records.insert_or_assign(std::string{id}, std::move(*record));
      else
        findings.push_back(fmt::format("{} {} in Redis cannot be read and was left alone", kind, id));
    };
  };
  auto outcome = scan("hold", into(found.holds, "hold"));
  if (outcome == Outcome::done) outcome = scan("user", into(found.users, "user"));
  if (outcome == Outcome::done) outcome = scan("payments", into(found.payments, "payment"));
  if (outcome != Outcome::done) return outcome;
  const auto waiting = redis_.command({"ZRANGE", key("unrecorded"), "0", "-1", "WITHSCORES"});
  outcome = check(waiting);
  for (std::size_t at = 0; outcome == Outcome::done && at + 1 < waiting->view().size(); at += 2)
    found.unrecorded[std::string{waiting->view()[at].text()}] = waiting->view()[at + 1].number();
  return outcome;
}

// WATCH makes the transaction fail when the meta changes between the check and EXEC.
RedisSale::Outcome RedisSale::commit(Chunk& chunk) {
  if (chunk.empty()) return Outcome::done;
  redis_.append({"WATCH", key("meta")});
  append_meta(redis_, event_);
  auto seen = redis_.finish();
  if (!seen) return problem_ = redis_.problem(), Outcome::unavailable;
  const auto meta = read_meta(std::span{seen.value}.subspan(1));
  const bool ours = meta.present && meta.epoch == epoch_ && meta.state == "frozen" && meta.seq == seq_;
  if (!ours) {
    problem_ = "another node has moved the event meanwhile";
    return check(redis_.command({"UNWATCH"})) == Outcome::done ? Outcome::changed : Outcome::unavailable;
  }
  redis_.append({"MULTI"});
  chunk.append_to(redis_);
  redis_.append({"EXEC"});
  auto replies = redis_.finish();
  if (!replies) return problem_ = redis_.problem(), Outcome::unavailable;
  chunk.clear();
  const auto executed = replies->back().view();
  if (executed.null()) return problem_ = "the event changed while it was being written", Outcome::changed;
  for (std::size_t at = 0; at < executed.size(); ++at)
    if (executed[at].error()) return problem_ = executed[at].text(), Outcome::failed;
  if (executed.error()) return problem_ = executed.text(), Outcome::failed;
  if (at_step_) at_step_("chunk");
  return Outcome::done;
}

namespace {

std::vector<std::string> terms_of(const core::Event& event, RedisSale::Limits limits) {
  return {"rate_per_s",
          fmt::format("{}", event.admission.rate_per_s),
          "active_max",
          text(event.admission.active_max),
          "active_ttl_ms",
          text(event.admission.active_ttl_s * 1000),
          "orders_per_admission",
          text(event.admission.orders_per_admission),
          "hold_ttl_ms",
          text(event.holds.ttl_s * 1000),
          "extensions",
          text(event.holds.extensions),
          "seats_per_user",
          text(event.holds.seats_per_user),
          "log_max",
          text(limits.log_max),
          "lag_max",
          text(limits.lag_max),
          "reform_ms",
          text(event.line.reform_s * 1000),
          "opens_at_ms",
          text(event.opens_at_ms),
          "terms_version",
          text(event.version)};
}

std::vector<std::string> joined(std::vector<std::string> words, std::vector<std::string> more) {
  words.insert(words.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return words;
}

}  // namespace

RedisSale::Outcome RedisSale::write(const core::Event& event, const SaleState& sale, const Survivors& before,
                                    int64_t head, Limits limits, void (*at_step)(std::string_view)) {
  at_step_ = at_step;
  SaleMeta meta;
  auto outcome = look(meta);
  if (outcome != Outcome::done) return outcome;
  Chunk chunk;
  chunk.add({"SET", key("seats"), sale.seats});
  chunk.add(joined(joined({"HSET", key("meta")}, terms_of(event, limits)),
                   {"head", text(std::max(head, meta.head)), "available", text(sale.available), "held", text(sale.held),
                    "sold", text(sale.sold)}));
  // Where the last search for free places ended says nothing about the new map.
  for (std::size_t section = 0; section < event.sections.size(); ++section)
    chunk.add({"HDEL", key("meta"), fmt::format("hint:{}", section)});
  outcome = commit(chunk);
  if (outcome == Outcome::done) outcome = write_records(sale, before);
  if (outcome == Outcome::done) outcome = write_rest(sale, before);
  return outcome;
}

RedisSale::Outcome RedisSale::write_records(const SaleState& sale, const Survivors& before) {
  std::map<std::string_view, std::vector<const std::pair<const std::string, HoldRecord>*>> holds;
  std::map<std::string_view, const UserRecord*> users;
  for (const auto* entry : differing(sale.holds, before.holds)) holds[entry->second.user].push_back(entry);
  for (const auto* entry : differing(sale.users, before.users)) users[entry->first] = &entry->second;
  for (const auto& [user, owned] : holds) users.try_emplace(user, nullptr);
  const std::set<std::string_view> done{sale.done.begin(), sale.done.end()};
  Chunk chunk;
  for (const auto& [user, record] : users) {
    if (record) chunk.add({"HSET", key("user"), std::string{user}, record->text()});
    if (done.contains(user)) chunk.add({"ZREM", key("active"), std::string{user}});
    for (const auto* hold : holds[user]) chunk.add({"HSET", key("hold"), hold->first, hold->second.text()});
    if (!chunk.full()) continue;
    if (const auto outcome = commit(chunk); outcome != Outcome::done) return outcome;
  }
  return commit(chunk);
}

RedisSale::Outcome RedisSale::write_rest(const SaleState& sale, const Survivors& before) {
  Chunk chunk;
  auto outcome = Outcome::done;
  const auto add = [&](std::vector<std::string> words) {
    chunk.add(std::move(words));
    if (chunk.full() && outcome == Outcome::done) outcome = commit(chunk);
    if (outcome != Outcome::done) chunk.clear();
  };
  for (const auto* payment : differing(sale.payments, before.payments))
    add({"HSET", key("payments"), payment->first, payment->second.text()});
  for (const auto& [id, since_ms] : before.unrecorded)
    if (!sale.unrecorded.contains(id)) add({"ZREM", key("unrecorded"), id});
  for (const auto* waiting : differing(sale.unrecorded, before.unrecorded))
    add({"ZADD", key("unrecorded"), text(waiting->second), waiting->first});
  // The deadlines are only an index of the held records, so they are made anew.
  add({"DEL", key("holds")});
  for (const auto& [id, deadline_ms] : sale.deadlines) add({"ZADD", key("holds"), text(deadline_ms), id});
  return outcome == Outcome::done ? commit(chunk) : outcome;
}

RedisSale::Outcome RedisSale::thaw(std::string_view replid) {
  return word(redis_.script(scripts_["thaw"], event_, {text(epoch_), replid}));
}

RedisSale::Outcome RedisSale::write_terms(const core::Event& event, Limits limits) {
  const auto epoch = text(event.epoch);
  const auto terms = terms_of(event, limits);
  std::vector<std::string_view> arguments{epoch};
  arguments.insert(arguments.end(), terms.begin(), terms.end());
  return word(redis_.script(scripts_["terms"], event_, arguments));
}

RedisSale::Outcome RedisSale::transition(int64_t epoch, core::EventState from, core::EventState to) {
  return word(redis_.script(scripts_["transition"], event_, {text(epoch), core::name(from), core::name(to)}));
}

RedisSale::Outcome RedisSale::remove() {
  std::vector<std::string> keys{"UNLINK"};
  for (const auto name : all_keys) keys.push_back(key(name));
  return check(redis_.command(std::vector<std::string_view>{keys.begin(), keys.end()}));
}

}  // namespace app
