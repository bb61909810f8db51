// net::Pipeline through a scripted life, against a model that counts. Properties:
// - every sink that was taken is called exactly once, in order, with its own reply or with the error that struck it;
// - the late reply of an expired command is swallowed and reaches nobody;
// - a command is refused exactly at a limit; what is sent is what was appended, in order, however sends are cut, and
//   bytes in the kernel do not change;
// - a stream that makes no sense is reported, not before it comes and not after it has come; then nothing of it, and
//   nothing that was unsent, lives on in the next connection.
// Sinks append from inside. Input: five bytes of settings, then operations.
#include <deque>
#include <string>
#include <utility>

#include "net/wire/pipeline.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using core::Error;
using net::Pipeline;
using net::resp::View;

class World;

struct Command {
  World* world;
  uint32_t number;
  int64_t deadline_ms;
  bool appends;         // its sink appends another one
  std::string reply{};  // once Redis has given one
  bool called = false;
};

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

bool same(View a, View b) {
  if (a.kind() != b.kind() || a.text() != b.text() || a.integer() != b.integer() || a.size() != b.size()) return false;
  auto other = b.begin();
  for (const auto element : a) {
    if (!same(element, *other)) return false;
    ++other;
  }
  return true;
}

Error judge(void*, std::string_view message) noexcept {
  return message.starts_with("GONE") ? Error::unavailable : Error::none;
}

// The other end: hears what was sent, answers in order; its answers lie on the wire until they are delivered.
class Redis {
 public:
  void expect(Command& command) { unheard_.push_back(&command); }
  void hear(std::string_view bytes) {
    heard_ += bytes;
    for (net::resp::Scanner scanner; scanner.scan(heard_) == net::resp::Scanner::State::complete; scanner.reset()) {
      ONSALE_ASSERT(!unheard_.empty());
      const View words{heard_.data()};
      ONSALE_ASSERT(words.size() == 3 && words[1].number() == unheard_.front()->number);
      unanswered_.push_back(unheard_.front());
      unheard_.pop_front();
      heard_.erase(0, scanner.size());
    }
  }
  void answer(fuzz::Script& script) {
    if (unanswered_.empty() || nonsense_begin_ != never) return;
    auto& command = *unanswered_.front();
    unanswered_.pop_front();
    command.reply = reply(std::to_string(command.number), script);
    wire_ += command.reply;
    reply_ends_.push_back(delivered_ + wire_.size());
  }
  // From here on nothing it says makes sense.
  void talk_nonsense(fuzz::Script& script) {
    static constexpr std::string_view nonsense[] = {"!\r\n",         "$-2\r\n",  "*99999999\r\n",
                                                    "+a\rb\r\n",     ":1x\r\n",  "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
                                                    "$2\r\nabc\r\n", "$4000\r\n"};
    if (nonsense_begin_ != never) return;
    nonsense_begin_ = delivered_ + wire_.size();
    wire_ += nonsense[script.below(std::size(nonsense))];
  }

  std::string_view wire() const { return wire_; }
  // So many bytes have reached the other side; returns how many replies became whole by them.
  uint32_t deliver(std::size_t bytes) {
    wire_.erase(0, bytes);
    delivered_ += bytes;
    uint32_t replies = 0;
    for (; !reply_ends_.empty() && reply_ends_.front() <= delivered_; ++replies) reply_ends_.pop_front();
    return replies;
  }
  bool nonsense_has_begun() const { return delivered_ > nonsense_begin_; }
  bool nonsense_is_whole() const { return nonsense_has_begun() && wire_.empty(); }

 private:
  static constexpr std::size_t never = SIZE_MAX;
  static std::string reply(const std::string& digits, fuzz::Script& script) {
    switch (script.below(7)) {
      case 0:
        return ":" + digits + "\r\n";
      case 1:
        return "$-1\r\n";
      case 2:
        return "*3\r\n:" + digits + "\r\n$-1\r\n*1\r\n" + bulk(digits);
      case 3:
        return "-ERR " + digits + "\r\n";
      case 4:
        return "-GONE " + digits + "\r\n";
      case 5:
        return bulk(digits + std::string(script.below(50), '\r'));
      default:
        return "+" + digits + "\r\n";
    }
  }
  std::deque<Command*> unheard_, unanswered_;
  std::string heard_, wire_;
  std::deque<std::size_t> reply_ends_;  // counted, as the next two, from the beginning of the connection
  std::size_t delivered_ = 0, nonsense_begin_ = never;
};

Pipeline::Settings settings_from(fuzz::Script& script) {
  Pipeline::Settings settings;
  settings.depth_max = 1u << script.below(5);
  settings.unsent_bytes_max = 40 + script.byte() * 4u;
  settings.reply_bytes_max = 70 + script.byte();  // every reply above fits
  settings.receive_bytes = 1 + script.byte();
  settings.timeout_ms = 1 + script.byte();
  return settings;
}

class World {
 public:
  explicit World(fuzz::Script script)
      : script_{script}, settings_{settings_from(script_)}, pipeline_{settings_, {&judge, nullptr}} {}

  void live() {
    while (script_.more()) {
      step();
      check();
    }
    fail(Error::closed);
    for (const auto& command : commands_) ONSALE_ASSERT(command.called);
  }

 private:
  enum class Phase : uint8_t { quiet, delivering, expiring, failing };

  void step() {
    switch (script_.below(10)) {
      case 0:
      case 1:
        return append();
      case 2:
      case 3:
        return sending_ ? end_send() : begin_send();
      case 4:
      case 5:
        return redis_.answer(script_);
      case 6:
      case 7:
        return room_.empty() ? begin_receive() : end_receive();
      case 8:
        return expire();
      default:
        return rare_step();
    }
  }

  void rare_step() {
    switch (script_.below(4)) {
      case 0:
        return redis_.talk_nonsense(script_);
      case 1:
        return talk_unasked();
      case 2:
        return fail(Error::closed);
      default:
        return reconnect();
    }
  }

  void check() const {
    const bool waits = std::any_of(pending_.begin(), pending_.end(), [](auto* command) { return !command->called; });
    ONSALE_ASSERT(pipeline_.pending() == pending_.size() && pipeline_.waiting() == waits);
    ONSALE_ASSERT(pipeline_.sending() == sending_ && (!connected_ || pipeline_.unsent_bytes() == unsent_bytes_));
  }

  // ---- commands

  void append() {
    auto& command = commands_.emplace_back(
        Command{this, static_cast<uint32_t>(commands_.size()), now_ms_ + settings_.timeout_ms, script_.one_in(4)});
    const auto digits = std::to_string(command.number);
    const std::string payload(script_.byte(), "\r\n$x"[command.number % 4]);
    const auto bytes = ("*3\r\n" + bulk("SAY") + bulk(digits) + bulk(payload)).size();
    const auto error = append(digits, payload, {&called, &command});
    ONSALE_ASSERT(error == refusal(bytes));
    if (error != Error::none) return commands_.pop_back();
    pending_.push_back(&command);
    redis_.expect(command);
    unsent_bytes_ += bytes;
  }

  Error refusal(std::size_t bytes) const {
    if (!connected_) return Error::unavailable;
    const bool fits = bytes + unsent_bytes_ <= settings_.unsent_bytes_max;
    return fits && pending_.size() < settings_.depth_max ? Error::none : Error::overload;
  }

  Error append(std::string_view digits, std::string_view payload, net::Sink sink) {
    const std::string_view words[] = {"SAY", digits, payload};
    const std::span<const std::string_view> all{words};
    const auto form = script_.below(3);
    if (form == 0) return pipeline_.append(all, sink, now_ms_);
    const auto head = net::prepare(all.first(1));
    if (form == 1) return pipeline_.append(head, all.subspan(1), sink, now_ms_);
    const auto rendered = bulk(digits) + bulk(payload);
    return pipeline_.append(head, rendered, 2, sink, now_ms_);
  }

  static void called(void* context, const View* reply, Error error) noexcept {
    auto& command = *static_cast<Command*>(context);
    command.world->called(command, reply, error);
  }

  void called(Command& command, const View* reply, Error error) {
    ONSALE_ASSERT(!command.called && (reply == nullptr) == (error != Error::none));
    if (phase_ == Phase::expiring) {
      ONSALE_ASSERT(error == Error::timeout && command.deadline_ms <= now_ms_ && &command == first_waiting());
    } else {
      swallow();
      ONSALE_ASSERT(!pending_.empty() && pending_.front() == &command && error == expected_error(command));
      pending_.pop_front();
      ++answered_;
    }
    command.called = true;
    if (command.appends) append();
    if (reply != nullptr) ONSALE_ASSERT(same(*reply, *net::resp::parse(command.reply)));
  }

  Error expected_error(const Command& command) const {
    if (phase_ == Phase::failing) return failure_;
    ONSALE_ASSERT(phase_ == Phase::delivering && !command.reply.empty());
    return command.reply.starts_with("-GONE") ? Error::unavailable : Error::none;
  }

  Command* first_waiting() const {
    return *std::find_if(pending_.begin(), pending_.end(), [](auto* command) { return !command->called; });
  }

  // An expired command keeps its place until its reply has come, which nobody is told.
  void swallow() {
    for (; !pending_.empty() && pending_.front()->called; ++answered_) pending_.pop_front();
  }

  // ---- bytes

  void begin_send() {
    if (!connected_) return;
    in_kernel_ = pipeline_.begin_send();
    sending_ = !in_kernel_.empty();
    ONSALE_ASSERT(sending_ == (unsent_bytes_ > 0));
    bytes_before_ = in_kernel_;
  }

  void end_send() {
    ONSALE_ASSERT(in_kernel_ == bytes_before_);
    const auto few = script_.below(static_cast<uint32_t>(std::min<std::size_t>(in_kernel_.size(), 200)) + 1);
    const auto sent = script_.one_in(2) ? in_kernel_.size() : few;
    sending_ = false;
    pipeline_.end_send(sent);
    unsent_bytes_ -= sent;
    if (connected_) redis_.hear(bytes_before_.substr(0, sent));
  }

  void begin_receive() {
    room_ = pipeline_.receive_room();
    ONSALE_ASSERT(!room_.empty());
  }

  void end_receive() {
    const auto wire = connected_ ? redis_.wire() : std::string_view{"+left in the kernel by a lost connection\r\n"};
    const auto size = std::min({room_.size(), wire.size(), std::size_t{script_.byte()}});
    std::copy_n(wire.begin(), size, room_.begin());
    room_ = {};
    const auto received = receive(size);
    if (!connected_) return ONSALE_ASSERT(received.replies == 0 && received.error == Error::none);
    const auto replies = redis_.deliver(size);
    for (; answered_ < replies; ++answered_) {
      ONSALE_ASSERT(pending_.front()->called);
      pending_.pop_front();
    }
    ONSALE_ASSERT(received.replies == replies && answered_ == replies);
    const bool reported = received.error == Error::protocol;
    ONSALE_ASSERT(reported ? redis_.nonsense_has_begun() : !redis_.nonsense_is_whole());
    if (reported) fail(Error::protocol);
  }

  Pipeline::Received receive(std::size_t size) {
    answered_ = 0;
    phase_ = Phase::delivering;
    const auto received = pipeline_.received(size);
    phase_ = Phase::quiet;
    return received;
  }

  // A reply while nobody waits for one.
  void talk_unasked() {
    if (!connected_ || !pending_.empty() || !redis_.wire().empty() || !room_.empty()) return;
    constexpr std::string_view reply = "+1\r\n";
    auto error = Error::none;
    for (const char c : reply) {
      pipeline_.receive_room().front() = c;
      ONSALE_ASSERT(error == Error::none);
      error = receive(1).error;
    }
    ONSALE_ASSERT(error == Error::protocol);
    fail(Error::protocol);
  }

  // ---- time, and the end of a connection

  void expire() {
    now_ms_ += script_.byte();
    const auto late = std::count_if(pending_.begin(), pending_.end(),
                                    [&](auto* command) { return !command->called && command->deadline_ms <= now_ms_; });
    phase_ = Phase::expiring;
    ONSALE_ASSERT(pipeline_.expire(now_ms_) == late);
    phase_ = Phase::quiet;
  }

  void fail(Error error) {
    connected_ = false;
    failure_ = error;
    phase_ = Phase::failing;
    pipeline_.fail_all(error);
    swallow();
    phase_ = Phase::quiet;
    ONSALE_ASSERT(pending_.empty());
  }

  void reconnect() {
    if (connected_) return;
    if (sending_) end_send();
    if (!room_.empty()) end_receive();
    pipeline_.reopen();
    redis_ = {};
    unsent_bytes_ = 0;
    connected_ = true;
  }

  fuzz::Script script_;
  Pipeline::Settings settings_;
  Pipeline pipeline_;
  Redis redis_;
  std::deque<Command> commands_;  // all that were taken; they do not move
  std::deque<Command*> pending_;  // without a reply
  uint32_t answered_ = 0;         // replies given to sinks or swallowed in this delivery
  Phase phase_ = Phase::quiet;
  Error failure_ = Error::none;
  bool connected_ = true;
  int64_t now_ms_ = 0;
  std::size_t unsent_bytes_ = 0;
  bool sending_ = false;
  std::string_view in_kernel_;
  std::string bytes_before_;
  std::span<char> room_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  World{fuzz::Script{fuzz::text_of(data, size)}}.live();
  return 0;
}
