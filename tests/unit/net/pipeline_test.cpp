// The pipeline driven by calls: no sockets, no clock. A fake Redis reads what was sent and answers in any cut.
#include "net/wire/pipeline.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <vector>

using core::Error;
using net::Pipeline;
using net::Sink;
using net::resp::View;

namespace {

// Remembers how it was called. A test may hang an action on it.
struct Answer {
  int calls = 0;
  Error error = Error::none;
  std::string text;
  std::function<void()> then;
  Sink sink() { return {&resume, this}; }

 private:
  static void resume(void* context, const View* reply, Error error) noexcept {
    auto& self = *static_cast<Answer*>(context);
    ++self.calls;
    self.error = error;
    CHECK((reply == nullptr) == (error != Error::none));
    if (reply) self.text = reply->text();
    if (self.then) self.then();
  }
};

Pipeline::Settings small() {
  Pipeline::Settings settings;
  settings.depth_max = 4;
  settings.unsent_bytes_max = 200;
  settings.reply_bytes_max = 4096;
  settings.receive_bytes = 64;
  settings.timeout_ms = 100;
  return settings;
}

Error say(Pipeline& pipeline, std::string_view word, Sink sink, int64_t now_ms = 0) {
  const std::string_view arguments[] = {"ECHO", word};
  return pipeline.append(arguments, sink, now_ms);
}

std::string send_all(Pipeline& pipeline) {
  std::string sent;
  for (auto bytes = pipeline.begin_send(); !bytes.empty(); bytes = pipeline.begin_send()) {
    sent += bytes;
    pipeline.end_send(bytes.size());
  }
  return sent;
}

Pipeline::Received feed(Pipeline& pipeline, std::string_view bytes) {
  Pipeline::Received all;
  while (!bytes.empty() && all.error == Error::none) {
    const auto room = pipeline.receive_room();
    const auto size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    const auto once = pipeline.received(size);
    all = {all.replies + once.replies, once.error};
    bytes.remove_prefix(size);
  }
  return all;
}

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

}  // namespace

TEST_CASE("a command leaves as an array of bulk strings, whatever way it was appended") {
  Pipeline pipeline{small()};
  Answer a, b, c;
  const std::string_view words[] = {"EVALSHA", "sha"};
  const auto head = net::prepare(words);
  const std::string_view arguments[] = {"", "12"};
  core::TextBuffer rendered;
  for (const auto argument : arguments) net::resp::write_bulk(rendered, argument);
  CHECK(say(pipeline, "a\r\nb", a.sink()) == Error::none);
  CHECK(pipeline.append(head, arguments, b.sink(), 0) == Error::none);
  CHECK(pipeline.append(head, rendered.view(), 2, c.sink(), 0) == Error::none);
  const std::string call = "*4\r\n$7\r\nEVALSHA\r\n$3\r\nsha\r\n$0\r\n\r\n$2\r\n12\r\n";
  CHECK(send_all(pipeline) == "*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n" + call + call);
  pipeline.fail_all(Error::closed);
}

TEST_CASE("the head of a script call names the script and counts its keys") {
  const std::vector<std::string> keys{"{e}:meta", "{e}:line"};
  const auto head = net::prepare_script("0123456789012345678901234567890123456789", keys);
  CHECK(head.parts == 5);
  CHECK(head.head ==
        "$7\r\nEVALSHA\r\n$40\r\n0123456789012345678901234567890123456789\r\n$1\r\n2\r\n"
        "$8\r\n{e}:meta\r\n$8\r\n{e}:line\r\n");
}

TEST_CASE("arguments may die as soon as append returns") {
  Pipeline pipeline{small()};
  Answer a;
  {
    std::string word = "short-lived";
    CHECK(say(pipeline, word, a.sink()) == Error::none);
    std::fill(word.begin(), word.end(), '?');
  }
  CHECK(send_all(pipeline).find("short-lived") != std::string::npos);
  pipeline.fail_all(Error::closed);
}

TEST_CASE("replies go to their commands in order, several in one read and one in several") {
  Pipeline pipeline{small()};
  Answer answers[3];
  for (auto& answer : answers) CHECK(say(pipeline, "x", answer.sink()) == Error::none);
  send_all(pipeline);
  CHECK(feed(pipeline, "+one\r\n+two\r\n+th").replies == 2);
  CHECK(answers[0].text == "one");
  CHECK(answers[1].text == "two");
  CHECK(answers[2].calls == 0);
  CHECK(pipeline.pending() == 1);
  CHECK(feed(pipeline, "ree\r\n").replies == 1);
  CHECK(answers[2].text == "three");
  CHECK(pipeline.pending() == 0);
}

TEST_CASE("what is appended while a send is in the kernel does not touch the bytes in the kernel") {
  Pipeline pipeline{small()};
  Answer a, b;
  CHECK(say(pipeline, "first", a.sink()) == Error::none);
  const auto in_kernel = pipeline.begin_send();
  const std::string before{in_kernel};
  CHECK(say(pipeline, std::string(100, 'x'), b.sink()) == Error::none);
  CHECK(in_kernel == before);
  pipeline.end_send(in_kernel.size());
  CHECK(send_all(pipeline).find(std::string(100, 'x')) != std::string::npos);
  pipeline.fail_all(Error::closed);
}

TEST_CASE("a send cut short goes on where it stopped") {
  Pipeline pipeline{small()};
  Answer a, b;
  CHECK(say(pipeline, "first", a.sink()) == Error::none);
  std::string sent{pipeline.begin_send().substr(0, 3)};
  pipeline.end_send(3);
  CHECK(say(pipeline, "second", b.sink()) == Error::none);
  while (true) {
    const auto bytes = pipeline.begin_send();
    if (bytes.empty()) break;
    sent += bytes[0];
    pipeline.end_send(1);
  }
  CHECK(sent == "*2\r\n$4\r\nECHO\r\n$5\r\nfirst\r\n*2\r\n$4\r\nECHO\r\n$6\r\nsecond\r\n");
  CHECK(pipeline.unsent_bytes() == 0);
  pipeline.fail_all(Error::closed);
}

TEST_CASE("too many commands in flight are refused without a byte and without a call") {
  Pipeline pipeline{small()};
  Answer answers[4], refused;
  for (auto& answer : answers) CHECK(say(pipeline, "x", answer.sink()) == Error::none);
  const auto bytes = pipeline.unsent_bytes();
  CHECK(say(pipeline, "x", refused.sink()) == Error::overload);
  CHECK(pipeline.unsent_bytes() == bytes);
  send_all(pipeline);
  CHECK(say(pipeline, "x", refused.sink()) == Error::overload);
  CHECK(feed(pipeline, "+OK\r\n").error == Error::none);
  CHECK(say(pipeline, "x", refused.sink()) == Error::none);
  CHECK(refused.calls == 0);
  pipeline.fail_all(Error::closed);
  CHECK(refused.calls == 1);
}

TEST_CASE("too many bytes that wait are refused without a byte, and one command less fits") {
  auto settings = small();
  settings.unsent_bytes_max = 2 * std::strlen("*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n");
  Pipeline pipeline{settings};
  Answer a, b, refused;
  CHECK(say(pipeline, "x", a.sink()) == Error::none);
  CHECK(say(pipeline, "xy", refused.sink()) == Error::overload);
  CHECK(say(pipeline, "x", b.sink()) == Error::none);
  CHECK(pipeline.unsent_bytes() == settings.unsent_bytes_max);
  // In the kernel is still unsent: only what has left makes room.
  const auto in_kernel = pipeline.begin_send();
  CHECK(say(pipeline, "", refused.sink()) == Error::overload);
  pipeline.end_send(in_kernel.size());
  CHECK(say(pipeline, "x", refused.sink()) == Error::none);
  pipeline.fail_all(Error::closed);
}

TEST_CASE("the late reply of an expired command is swallowed and the next command gets its own") {
  Pipeline pipeline{small()};
  Answer late, next;
  CHECK(say(pipeline, "late", late.sink(), 0) == Error::none);
  CHECK(say(pipeline, "next", next.sink(), 50) == Error::none);
  send_all(pipeline);
  CHECK(pipeline.expire(99) == 0);
  CHECK(pipeline.expire(100) == 1);
  CHECK(late.error == Error::timeout);
  CHECK(pipeline.pending() == 2);
  CHECK(pipeline.waiting());
  CHECK(feed(pipeline, "+late\r\n+next\r\n").replies == 2);
  CHECK(late.calls == 1);
  CHECK(late.text.empty());
  CHECK(next.text == "next");
  CHECK_FALSE(pipeline.waiting());
}

TEST_CASE("an expired command keeps its place: depth is not given back before its reply has come") {
  Pipeline pipeline{small()};
  Answer answers[4], refused;
  for (auto& answer : answers) CHECK(say(pipeline, "x", answer.sink()) == Error::none);
  CHECK(pipeline.expire(1000) == 4);
  CHECK(say(pipeline, "x", refused.sink(), 1000) == Error::overload);
  send_all(pipeline);
  CHECK(feed(pipeline, "+OK\r\n").replies == 1);
  CHECK(say(pipeline, "x", refused.sink(), 1000) == Error::none);
  pipeline.fail_all(Error::closed);
}

TEST_CASE("losing the connection calls every sink that still waits once, in order") {
  Pipeline pipeline{small()};
  std::vector<int> order;
  Answer answers[4];
  for (int at = 0; at < 4; ++at) answers[at].then = [&order, at] { order.push_back(at); };
  for (int at = 0; at < 4; ++at) CHECK(say(pipeline, "x", answers[at].sink(), at * 200) == Error::none);
  send_all(pipeline);
  CHECK(feed(pipeline, "+OK\r\n").replies == 1);
  CHECK(pipeline.expire(300) == 1);
  pipeline.fail_all(Error::closed);
  CHECK(order == std::vector<int>{0, 1, 2, 3});
  CHECK(answers[0].error == Error::none);
  CHECK(answers[1].error == Error::timeout);
  CHECK(answers[2].error == Error::closed);
  CHECK(answers[3].error == Error::closed);
  pipeline.fail_all(Error::closed);
  for (const auto& answer : answers) CHECK(answer.calls == 1);
}

TEST_CASE("a lost connection accepts nothing, also not from inside the calls that tell of the loss") {
  Pipeline pipeline{small()};
  Answer first, second;
  auto inside = Error::none;
  first.then = [&] { inside = say(pipeline, "again", second.sink()); };
  CHECK(say(pipeline, "x", first.sink()) == Error::none);
  pipeline.fail_all(Error::closed);
  CHECK(inside == Error::unavailable);
  CHECK(say(pipeline, "x", second.sink()) == Error::unavailable);
  CHECK(second.calls == 0);
}

TEST_CASE("bytes of the old connection do not leak into the new one") {
  Pipeline pipeline{small()};
  Answer old, unsent, fresh;
  CHECK(say(pipeline, "old", old.sink()) == Error::none);
  const auto in_kernel = pipeline.begin_send();
  CHECK(say(pipeline, "unsent", unsent.sink()) == Error::none);
  CHECK(feed(pipeline, "$100\r\npart").error == Error::none);
  const auto room = pipeline.receive_room();
  pipeline.fail_all(Error::closed);
  pipeline.end_send(in_kernel.size() / 2);
  std::memcpy(room.data(), "+stale\r\n", 8);
  const auto dropped = pipeline.received(8);
  CHECK(dropped.replies == 0);
  CHECK(dropped.error == Error::none);
  pipeline.reopen();
  CHECK(pipeline.unsent_bytes() == 0);
  CHECK(say(pipeline, "fresh", fresh.sink()) == Error::none);
  CHECK(send_all(pipeline) == "*2\r\n$4\r\nECHO\r\n$5\r\nfresh\r\n");
  CHECK(feed(pipeline, "+mine\r\n").replies == 1);
  CHECK(fresh.text == "mine");
}

TEST_CASE("a whole reply that comes after the loss is dropped, not taken for nonsense") {
  Pipeline pipeline{small()};
  Answer a;
  CHECK(say(pipeline, "x", a.sink()) == Error::none);
  pipeline.fail_all(Error::closed);
  CHECK(feed(pipeline, "+late\r\n").error == Error::none);
  CHECK(a.calls == 1);
}

TEST_CASE("a sink may append from inside its call, also to a pipeline that was full") {
  Pipeline pipeline{small()};
  Answer answers[4], again;
  auto inside = Error::overload;
  answers[0].then = [&] { inside = say(pipeline, "again", again.sink()); };
  for (auto& answer : answers) CHECK(say(pipeline, "x", answer.sink()) == Error::none);
  send_all(pipeline);
  CHECK(feed(pipeline, "+1\r\n+2\r\n+3\r\n+4\r\n").replies == 4);
  CHECK(inside == Error::none);
  CHECK(again.calls == 0);
  send_all(pipeline);
  CHECK(feed(pipeline, "+5\r\n").replies == 1);
  CHECK(again.text == "5");
}

TEST_CASE("a sink that expires may append and the new command does not expire with it") {
  Pipeline pipeline{small()};
  Answer old, fresh;
  old.then = [&] { CHECK(say(pipeline, "fresh", fresh.sink(), 100) == Error::none); };
  CHECK(say(pipeline, "old", old.sink(), 0) == Error::none);
  CHECK(pipeline.expire(100) == 1);
  CHECK(fresh.calls == 0);
  CHECK(pipeline.expire(200) == 1);
  CHECK(fresh.error == Error::timeout);
}

TEST_CASE("a reply nobody asked for and a stream that makes no sense are protocol errors") {
  Pipeline pipeline{small()};
  CHECK(feed(pipeline, "+hello\r\n").error == Error::protocol);
  Pipeline other{small()};
  Answer a, b;
  CHECK(say(other, "x", a.sink()) == Error::none);
  CHECK(say(other, "x", b.sink()) == Error::none);
  const auto result = feed(other, "+OK\r\n?\r\n");
  CHECK(result.error == Error::protocol);
  CHECK(result.replies == 1);
  CHECK(a.calls == 1);
  CHECK(b.calls == 0);
  other.fail_all(Error::protocol);
  CHECK(b.error == Error::protocol);
}

TEST_CASE("a reply larger than the receive buffer is delivered whole, one over the limit is refused") {
  Pipeline pipeline{small()};
  Answer big, after, too_big;
  CHECK(say(pipeline, "x", big.sink()) == Error::none);
  CHECK(say(pipeline, "x", after.sink()) == Error::none);
  send_all(pipeline);
  const std::string text(4000, 'b');
  CHECK(feed(pipeline, bulk(text) + "+after\r\n").replies == 2);
  CHECK(big.text == text);
  CHECK(after.text == "after");
  CHECK(say(pipeline, "x", too_big.sink()) == Error::none);
  CHECK(feed(pipeline, "$4097\r\n").error == Error::protocol);
  pipeline.fail_all(Error::protocol);
}

TEST_CASE("a reply of many small elements larger than the receive buffer is delivered whole") {
  Pipeline pipeline{small()};
  static uint32_t elements;
  elements = 0;
  const Sink sink{[](void*, const View* reply, Error) noexcept {
                    for (auto element : *reply) elements += element.is("seat") ? 1 : 0;
                  },
                  nullptr};
  CHECK(say(pipeline, "x", sink) == Error::none);
  std::string reply = "*300\r\n";
  for (int at = 0; at < 300; ++at) reply += bulk("seat");
  CHECK(feed(pipeline, reply).replies == 1);
  CHECK(elements == 300);
}

TEST_CASE("a filtered error reaches its sink as an error, other errors as replies") {
  const Pipeline::ErrorFilter filter{[](void*, std::string_view message) noexcept {
                                       return message.starts_with("NOSCRIPT") ? Error::unavailable : Error::none;
                                     },
                                     nullptr};
  Pipeline pipeline{small(), filter};
  Answer gone, other;
  CHECK(say(pipeline, "x", gone.sink()) == Error::none);
  CHECK(say(pipeline, "x", other.sink()) == Error::none);
  CHECK(feed(pipeline, "-NOSCRIPT no\r\n-ERR bad\r\n").replies == 2);
  CHECK(gone.error == Error::unavailable);
  CHECK(other.error == Error::none);
  CHECK(other.text == "ERR bad");
}

// ---------------------------------------------------------------- against a model

namespace {

// What a Redis of one command would do: reads "ECHO <number>" and answers with the number, padded at random.
class FakeRedis {
 public:
  void take(std::string_view bytes) {
    in_ += bytes;
    net::resp::Scanner scanner;
    while (!in_.empty() && scanner.scan(in_) == net::resp::Scanner::State::complete) {
      const View command{in_.data()};
      REQUIRE(command.size() == 2);
      REQUIRE(command[0].is("ECHO"));
      out_ += bulk(command[1].text());
      in_.erase(0, scanner.size());
      scanner.reset();
    }
  }
  std::string give(std::size_t size_max) {
    auto part = out_.substr(0, size_max);
    out_.erase(0, part.size());
    return part;
  }
  void restart() { in_.clear(), out_.clear(); }

 private:
  std::string in_, out_;
};

class World {
 public:
  explicit World(uint64_t seed) : random_{seed}, pipeline_{settings()} {}

  void step() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return append();
      case 4:
      case 5:
      case 6:
        return send();
      case 7:
      case 8:
      case 9:
        return receive();
      case 10:
        return elapse();
      default:
        return below(40) == 0 ? lose() : send();
    }
  }
  void finish() {
    lose();
    for (const auto& command : commands_) REQUIRE(command.calls == 1);
    REQUIRE(called_ == commands_.size());
  }
  std::size_t replies() const { return replies_; }
  std::size_t timeouts() const { return timeouts_; }

 private:
  struct Command {
    World* world;
    std::size_t number;
    int64_t deadline_ms;
    std::string word;
    int calls = 0;
  };
  static Pipeline::Settings settings() {
    auto made = small();
    made.depth_max = 16;
    made.unsent_bytes_max = 2000;
    return made;
  }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  void append() {
    auto word = std::to_string(commands_.size()) + ":" + std::string(below(10) == 0 ? below(600) : below(8), 'p');
    commands_.push_back({this, commands_.size(), now_ms_ + settings().timeout_ms, word});
    const auto unsent = pipeline_.unsent_bytes();
    const auto error = say(pipeline_, word, {&resume, &commands_.back()}, now_ms_);
    if (error == Error::none) return;
    REQUIRE(error == (failing_ ? Error::unavailable : Error::overload));
    REQUIRE((failing_ || pipeline_.pending() == 16 || unsent + word.size() + 30 > 2000));
    REQUIRE(pipeline_.unsent_bytes() == unsent);
    commands_.pop_back();
  }
  void send() {
    if (pipeline_.sending()) {
      const auto sent = below(3) == 0 ? below(static_cast<uint32_t>(in_kernel_.size() + 1)) : in_kernel_.size();
      redis_.take(in_kernel_.substr(0, sent));
      return pipeline_.end_send(sent);
    }
    in_kernel_ = pipeline_.begin_send();
  }
  void receive() {
    const auto bytes = redis_.give(1 + below(below(4) == 0 ? 2000 : 20));
    REQUIRE(feed(pipeline_, bytes).error == Error::none);
  }
  void elapse() {
    now_ms_ += below(60);
    static_cast<void>(pipeline_.expire(now_ms_));
  }
  void lose() {
    failing_ = true;
    pipeline_.fail_all(Error::closed);
    failing_ = false;
    if (pipeline_.sending()) pipeline_.end_send(0);
    redis_.restart();
    pipeline_.reopen();
  }

  static void resume(void* context, const View* reply, Error error) noexcept {
    auto& command = *static_cast<Command*>(context);
    auto& world = *command.world;
    ++command.calls;
    REQUIRE(command.number == world.called_++);  // each once, and all in order
    if (error == Error::none) REQUIRE(reply->text() == command.word);
    if (error == Error::timeout) REQUIRE(command.deadline_ms <= world.now_ms_);
    world.replies_ += error == Error::none ? 1 : 0;
    world.timeouts_ += error == Error::timeout ? 1 : 0;
    if (world.below(3) == 0) world.append();
  }

  std::mt19937_64 random_;
  Pipeline pipeline_;
  FakeRedis redis_;
  std::deque<Command> commands_;  // addresses stay
  std::string_view in_kernel_;
  std::size_t called_ = 0, replies_ = 0, timeouts_ = 0;
  int64_t now_ms_ = 0;
  bool failing_ = false;
};

}  // namespace

TEST_CASE("whatever is cut, late, lost or full, every sink is called once, in order, with its own reply") {
  const uint64_t seed = std::random_device{}();
  MESSAGE("seed ", seed);
  std::size_t replies = 0, timeouts = 0;
  for (uint64_t round = 0; round < 200; ++round) {
    World world{seed + round};
    for (int step = 0; step < 1500; ++step) world.step();
    world.finish();
    replies += world.replies();
    timeouts += world.timeouts();
  }
  CHECK(replies > 10'000);
  CHECK(timeouts > 1'000);
}
