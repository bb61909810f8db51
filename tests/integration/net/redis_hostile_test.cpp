// The link against servers that are no Redis, or a bad one: played by the test over a loopback socket.
#include <doctest/doctest.h>
#include <poll.h>

#include <array>
#include <string>
#include <vector>

#include "tests/integration/net/redis_world.hpp"

using core::Error;
using redis_world::Answer;
using redis_world::World;

namespace {

const std::string replid(40, 'f');

std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

std::string greeting() { return bulk("# Replication\r\nrole:master\r\nmaster_replid:" + replid + "\r\n"); }

// One listening socket, one connection at a time, all by hand.
class Impostor {
 public:
  explicit Impostor(int backlog = 8) : listener_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), bytes) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
    REQUIRE(listen(listener_, backlog) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~Impostor() {
    hang_up();
    close(listener_);
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;
  int port() const { return port_; }

  bool somebody_calls() const {
    pollfd waiting{listener_, POLLIN, 0};
    return poll(&waiting, 1, 0) == 1;
  }
  void accept_from(World& world) {
    hang_up();
    REQUIRE(world.turn_until([&] { return somebody_calls(); }));
    peer_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(peer_ >= 0);
  }
  void say(const std::string& bytes) const {
    REQUIRE(send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void hang_up() {
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
  }
  void greet(World& world) {
    accept_from(world);
    say(greeting());
    world.trust();
  }
  // Everything the link has sent so far and what it still sends in the meantime.
  std::string hear(World& world, int64_t ms = 50) const {
    std::string heard;
    world.turn_until(
        [&] {
          char bytes[4096];
          for (ssize_t size; (size = recv(peer_, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
            heard.append(bytes, static_cast<std::size_t>(size));
          return false;
        },
        ms);
    return heard;
  }

 private:
  int listener_;
  int port_ = 0;
  int peer_ = -1;
};

}  // namespace

TEST_CASE("a server that talks nonsense is left, and looked at again later") {
  for (const char* nonsense :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "$99999999999\r\n", "*5\r\n*5\r\n*5\r\n*5\r\n*5\r\n"}) {
    Impostor impostor;
    World world{redis_world::settings(impostor.port())};
    impostor.accept_from(world);
    impostor.say(nonsense);
    CHECK(world.turn_until([&] { return world.link->problem() == "Redis speaks no RESP2"; }));
    impostor.greet(world);
  }
}

TEST_CASE("a server that accepts and says nothing is left after the deadline") {
  Impostor impostor;
  auto settings = redis_world::settings(impostor.port());
  settings.pipeline.timeout_ms = 100;
  World world{settings};
  impostor.accept_from(world);
  CHECK(world.turn_until([&] { return world.link->problem() == "Redis does not answer"; }, 1000));
  impostor.greet(world);
}

TEST_CASE("a server whose INFO says nothing useful is never trusted") {
  const std::vector<std::string> useless = {"$0\r\n\r\n",
                                            "-ERR unknown command\r\n",
                                            "*0\r\n",
                                            bulk("role:slave\r\nmaster_replid:" + replid + "\r\n"),
                                            bulk("role:master\r\nmaster_replid:abc\r\n"),
                                            bulk("role:master\r\nxmaster_replid:" + replid + "\r\n")};
  for (const auto& info : useless) {
    CAPTURE(info);
    Impostor impostor;
    World world{redis_world::settings(impostor.port())};
    world.trusted = core::fnv1a(replid);
    impostor.accept_from(world);
    impostor.say(info);
    CHECK(world.turn_until([&] { return impostor.somebody_calls(); }));
    CHECK_FALSE(world.link->up());
    CHECK(world.link->generation() == 0);
  }
}

TEST_CASE("a primary that lives on, cut off, is left when another one is trusted") {
  Impostor impostor;
  auto settings = redis_world::settings(impostor.port());
  settings.distrust_ms_max = 200;
  World world{settings};
  impostor.greet(world);
  world.trusted = 0;  // nobody knows yet: no reason to leave
  world.turn_for(300);
  CHECK(world.link->up());
  CHECK_FALSE(world.link->ready());
  const auto other = replid.substr(1) + "e";
  world.trusted = core::fnv1a(other);
  // It goes on calling itself the primary of the old history.
  for (int asked = 0; asked < 40 && world.link->up(); ++asked) {
    if (!impostor.hear(world, 20).empty()) impostor.say(greeting());
  }
  CHECK(world.link->problem() == "another Redis is trusted than this one");
  impostor.accept_from(world);
  impostor.say(bulk("role:master\r\nmaster_replid:" + other + "\r\n"));
  CHECK(world.turn_until([&] { return world.link->ready(); }));
}

TEST_CASE("a connection closed in the middle of a reply fails that command and those behind it") {
  Impostor impostor;
  World world{redis_world::settings(impostor.port())};
  impostor.greet(world);
  std::array<Answer, 3> answers;
  for (auto& answer : answers) CHECK(world.link->command({"GET", "x"}, answer.sink()) == Error::none);
  impostor.hear(world);
  impostor.say("+one\r\n$100\r\nhalf of it");
  impostor.hang_up();
  CHECK(world.turn_until([&] { return answers[2].calls == 1; }));
  CHECK(answers[0].text == "one");
  CHECK(answers[1].error == Error::closed);
  CHECK(answers[2].error == Error::closed);
  impostor.greet(world);
  Answer fresh;
  CHECK(world.link->command({"GET", "x"}, fresh.sink()) == Error::none);
  impostor.hear(world);
  impostor.say("+mine\r\n");
  CHECK(world.turn_until([&] { return fresh.calls == 1; }));
  CHECK(fresh.text == "mine");
  for (const auto& answer : answers) CHECK(answer.calls == 1);
}

TEST_CASE("a reply that dribbles in byte by byte is one reply") {
  Impostor impostor;
  World world{redis_world::settings(impostor.port())};
  impostor.greet(world);
  Answer answer;
  CHECK(world.link->command({"GET", "x"}, answer.sink()) == Error::none);
  for (const char byte : bulk("dribble")) {
    CHECK(answer.calls == 0);
    impostor.say({byte});
    world.loop.turn(20);
  }
  CHECK(world.turn_until([&] { return answer.calls == 1; }));
  CHECK(answer.text == "dribble");
}

TEST_CASE("a reply nobody asked for costs the connection: the next one would be somebody else's") {
  Impostor impostor;
  World world{redis_world::settings(impostor.port())};
  impostor.greet(world);
  impostor.say("+surprise\r\n");
  CHECK(world.turn_until([&] { return !world.link->up(); }));
  CHECK(world.link->problem() == "Redis speaks no RESP2");
}

TEST_CASE("a server that reads nothing makes the link refuse, then leave; memory stays within the limit") {
  Impostor impostor;
  auto settings = redis_world::settings(impostor.port());
  settings.pipeline.timeout_ms = 200;
  settings.silence_ms_max = 500;
  World world{settings};
  impostor.greet(world);
  const std::string large(100'000, 'x');
  std::vector<Answer> answers(400);
  std::size_t taken = 0;
  auto refusal = Error::none;
  for (; taken < answers.size() && refusal == Error::none; ++taken) {
    refusal = world.link->command({"SET", "x", large}, answers[taken].sink());
    world.loop.turn(0);
  }
  CHECK(refusal == Error::overload);
  --taken;
  CHECK(answers[taken].calls == 0);
  CHECK(world.turn_until([&] { return !world.link->up(); }, 3000));
  for (std::size_t at = 0; at < taken; ++at) CHECK(answers[at].calls == 1);
  // The old socket is still open and full: the link must not wait for it.
  CHECK(world.turn_until([&] { return impostor.somebody_calls(); }));
  impostor.greet(world);
}

TEST_CASE("what is asked while a send is stuck leaves when the server reads again, though nobody asks any more") {
  Impostor impostor;
  World world{redis_world::settings(impostor.port())};
  impostor.greet(world);
  const std::string large(1'000'000, 'x');
  const auto& sent = world.link->metrics().sent_bytes;
  std::array<Answer, 30> answers;
  std::size_t asked = 0;
  do {  // until the kernel's buffers are full
    REQUIRE(asked + 1 < answers.size());
    REQUIRE(world.link->command({"SET", "x", large}, answers[asked++].sink()) == Error::none);
    world.turn_for(20);
  } while (sent.value() >= asked * large.size());
  CHECK(world.link->command({"SET", "y", "behind it"}, answers[asked++].sink()) == Error::none);
  world.loop.turn(0);
  std::string heard;
  for (int tries = 0; tries < 200 && heard.find("behind it") == std::string::npos; ++tries)
    heard += impostor.hear(world, 20);
  CHECK(heard.size() > (asked - 1) * large.size());
  for (std::size_t at = 0; at < asked; ++at) impostor.say("+OK\r\n");
  CHECK(world.turn_until([&] { return answers[asked - 1].calls == 1; }));
}

TEST_CASE("a server that answers slowly but steadily is not called silent") {
  Impostor impostor;
  auto settings = redis_world::settings(impostor.port());
  settings.silence_ms_max = 150;
  World world{settings};
  impostor.greet(world);
  std::array<Answer, 8> answers;
  for (auto& answer : answers) CHECK(world.link->command({"GET", "x"}, answer.sink()) == Error::none);
  for (const auto& answer : answers) {
    world.turn_for(60);
    impostor.say("+slow\r\n");
    CHECK(world.turn_until([&] { return answer.calls == 1; }, 50));
  }
  CHECK(world.link->up());
  for (const auto& answer : answers) CHECK(answer.text == "slow");
}

TEST_CASE("after a good connection the next attempt comes soon, however many had failed before") {
  Impostor impostor;
  auto settings = redis_world::settings(impostor.port());
  settings.backoff_ms_max = 60'000;
  World world{settings};
  for (int failures = 0; failures < 6; ++failures) {
    impostor.accept_from(world);
    impostor.hang_up();
  }
  impostor.greet(world);
  impostor.hang_up();
  CHECK(world.turn_until([&] { return impostor.somebody_calls(); }, 150));
}

TEST_CASE("a host that drops packets is given up after the connect deadline") {
  Impostor impostor{0};
  // Fills the backlog, so that the kernel drops the link's SYN.
  std::array<int, 4> blockers{};
  for (auto& blocker : blockers) {
    blocker = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(impostor.port()));
    static_cast<void>(connect(blocker, reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  auto settings = redis_world::settings(impostor.port());
  settings.connect_ms_max = 100;
  {
    World world{settings};
    CHECK(world.turn_until([&] { return world.link->problem() == "Redis cannot be reached in time"; }, 1000));
  }
  for (const int blocker : blockers) close(blocker);
}

TEST_CASE("a script that fails to load because Redis is loading its data is tried again") {
  Impostor impostor;
  const std::string sha1(40, 'a');
  World world{redis_world::settings(impostor.port()), {{"test", "return 1", sha1}}};
  impostor.accept_from(world);
  impostor.say(greeting() + "-LOADING Redis is loading the dataset in memory\r\n");
  CHECK(world.turn_until([&] { return impostor.somebody_calls(); }));
  CHECK_FALSE(world.link->up());
  impostor.accept_from(world);
  impostor.say(greeting() + bulk(sha1));
  CHECK(world.turn_until([&] { return world.link->up(); }));
}

TEST_CASE("what is not done and what may have been done are told apart") {
  struct Case {
    const char* reply;
    Error error;
    bool stays;
  };
  const Case cases[] = {{"-NOSCRIPT No matching script\r\n", Error::unavailable, true},
                        {"-NOREPLICAS Not enough good replicas\r\n", Error::unavailable, true},
                        {"-MISCONF Errors writing to the AOF file\r\n", Error::unavailable, true},
                        {"-BUSY Redis is busy running a script\r\n", Error::unavailable, true},
                        {"-TRYAGAIN Multiple keys\r\n", Error::unavailable, true},
                        {"-READONLY You can't write\r\n", Error::unavailable, false},
                        {"-LOADING\r\n", Error::unavailable, false},
                        {"-MASTERDOWN Link with MASTER is down\r\n", Error::unavailable, false},
                        {"-ERR wrong number of arguments\r\n", Error::none, true},
                        {"-BUSYGROUP exists\r\n", Error::none, true},
                        {"-\r\n", Error::none, true}};
  for (const auto& one : cases) {
    CAPTURE(one.reply);
    Impostor impostor;
    World world{redis_world::settings(impostor.port())};
    impostor.greet(world);
    Answer answer, behind;
    CHECK(world.link->command({"GET", "x"}, answer.sink()) == Error::none);
    CHECK(world.link->command({"GET", "y"}, behind.sink()) == Error::none);
    impostor.hear(world, 20);
    impostor.say(one.reply);
    CHECK(world.turn_until([&] { return answer.calls == 1; }));
    CHECK(answer.error == one.error);
    if (!one.stays) {
      CHECK(world.turn_until([&] { return behind.calls == 1; }));
      CHECK(behind.error == Error::closed);
    } else {
      impostor.say("+y\r\n");
      CHECK(world.turn_until([&] { return behind.calls == 1; }));
      CHECK(behind.text == "y");
    }
  }
}
