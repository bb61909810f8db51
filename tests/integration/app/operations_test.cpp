// The operations listener over real loopback connections, with an administration that answers from memory.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/operations/listener.hpp"
#include "core/event.hpp"

namespace {

constexpr std::string_view token = "an-operator-token";

// Answers at once, unless somebody holds the gate: then its calls block, as if PostgreSQL did.
class Memory : public app::Administration {
 public:
  app::AdminReply put_event(std::string_view id, std::string_view definition) override {
    auto event = core::parse_event(id, definition);
    if (!event) return app::AdminReply::problem(net::Code::bad_request, event.problem);
    return app::AdminReply::json(201, fmt::format(R"({{"event":"{}","seats":{}}})", id, event->seat_count));
  }
  app::AdminReply list_events() override {
    wait_at_gate();
    return app::AdminReply::json(200, R"({"events":[]})");
  }
  app::AdminReply show_event(std::string_view id) override {
    if (id == "broken") throw std::runtime_error("a library threw");
    return app::AdminReply::problem(net::Code::event_not_found, fmt::format("there is no event {}", id));
  }
  app::AdminReply move_event(std::string_view id, app::EventMove move) override {
    return app::AdminReply::json(200, fmt::format(R"({{"event":"{}","move":"{}"}})", id, app::name(move)));
  }
  std::vector<app::ReadinessCheck> checks() override {
    return {{"redis", true, ""}, {"postgres", postgres_ready.load(), postgres_ready ? "" : "connection refused"}};
  }

  void close_gate() { set_gate(true); }
  void open_gate() { set_gate(false); }
  void await_blocked(int count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return blocked_ >= count; });
  }
  std::atomic<bool> postgres_ready{true};

 private:
  void set_gate(bool closed) {
    std::lock_guard lock{mutex_};
    closed_ = closed;
    changed_.notify_all();
  }
  void wait_at_gate() {
    std::unique_lock lock{mutex_};
    ++blocked_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !closed_; });
    --blocked_;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  int blocked_ = 0;
};

struct Reply {
  int status = 0;
  std::string head, body;
  bool has(std::string_view text) const { return (head + body).find(text) != std::string::npos; }
};

class Client {
 public:
  explicit Client(uint16_t port) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has closed; the answer tells
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // The next answer; status 0 when the connection ends first or nothing comes within five seconds.
  Reply read(bool has_body = true) {
    while (received_.find("\r\n\r\n") == std::string::npos) {
      if (!receive()) return {};
    }
    Reply reply;
    const auto end = received_.find("\r\n\r\n") + 4;
    reply.head = received_.substr(0, end);
    received_.erase(0, end);
    reply.status = std::stoi(reply.head.substr(9, 3));
    const auto length = reply.head.find("Content-Length: ");
    const auto size = length == std::string::npos || !has_body ? 0 : std::stoul(reply.head.substr(length + 16));
    while (received_.size() < size && receive()) {
    }
    reply.body = received_.substr(0, size);
    received_.erase(0, size);
    return reply;
  }
  bool closed() { return received_.empty() && !receive(); }

 private:
  bool receive() {
    pollfd waiting{fd_, POLLIN, 0};
    char bytes[16384];
    if (::poll(&waiting, 1, 5000) != 1) return false;
    const auto size = ::recv(fd_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }
  int fd_;
  std::string received_;
};

struct World {
  explicit World(app::OperationsSettings settings = {}) {
    settings.port = 0;
    settings.admin_token = token;
    listener.emplace(std::move(settings), memory, metrics, log);
    const auto started = listener->start();
    REQUIRE_MESSAGE(started, started.problem);
  }
  Client client() { return Client{listener->port()}; }
  Reply ask(std::string_view method, std::string_view target, std::string_view headers = {},
            std::string_view body = {}) {
    Client one{listener->port()};
    one.send(request(method, target, headers, body));
    return one.read(method != "HEAD");
  }
  Reply administer(std::string_view method, std::string_view target, std::string_view body = {}) {
    return ask(method, target, authorization(), body);
  }
  static std::string authorization() { return fmt::format("Authorization: Bearer {}\r\n", token); }
  static std::string request(std::string_view method, std::string_view target, std::string_view headers,
                             std::string_view body) {
    const auto length = body.empty() ? std::string{} : fmt::format("Content-Length: {}\r\n", body.size());
    return fmt::format("{} {} HTTP/1.1\r\nHost: a\r\n{}{}\r\n{}", method, target, headers, length, body);
  }

  Memory memory;
  core::Metrics metrics{1};
  core::Log log{{.format = core::LogFormat::text, .level = core::LogLevel::error, .fd = -1, .priorities = false}};
  std::optional<app::OperationsListener> listener;
};

constexpr std::string_view definition =
    R"({"name":"n","opens_at":"2026-11-20T10:00:00Z","sections":[{"id":"A","amount":1,"general":7}]})";

}  // namespace

TEST_CASE("probes are answered without a token, one line a check") {
  World world;
  CHECK(world.ask("GET", "/livez").status == 200);
  auto ready = world.ask("GET", "/readyz");
  CHECK(ready.status == 200);
  CHECK(ready.body == "ready\nredis: ok\npostgres: ok\n");
  world.memory.postgres_ready = false;
  ready = world.ask("GET", "/readyz");
  CHECK(ready.status == 503);
  CHECK(ready.body == "not ready\nredis: ok\npostgres: failed, connection refused\n");
  CHECK(ready.has("Retry-After: "));
}

TEST_CASE("metrics are what was counted, as Prometheus reads it") {
  World world;
  const auto counter = world.metrics.counter("joins_total", "Joins.");
  world.metrics.shard(0).add(counter, 42);
  const auto reply = world.ask("GET", "/metrics");
  CHECK(reply.has("Content-Type: text/plain; version=0.0.4"));
  CHECK(reply.body == "# HELP onsale_joins_total Joins.\n# TYPE onsale_joins_total counter\nonsale_joins_total 42\n");
}

TEST_CASE("every answer names its request, says its date and is not cached") {
  World world;
  const auto given = world.ask("GET", "/livez", "X-Request-Id: abc-1\r\n");
  CHECK(given.has("X-Request-Id: abc-1\r\n"));
  CHECK(given.has("Date: "));
  CHECK(given.has("Cache-Control: no-store\r\n"));
  const auto forged = world.ask("GET", "/nowhere", "X-Request-Id: a b\"c\r\n");
  CHECK(forged.has("X-Request-Id: 0"));  // a fresh ULID
}

TEST_CASE("without the token nothing is administered, and nothing tells which calls exist") {
  World world;
  for (const auto* target : {"/admin/v1/events", "/admin/v1/events/e", "/admin/v1/nothing", "/admin", "/admin/"}) {
    CAPTURE(target);
    const auto missing = world.ask("GET", target);
    CHECK(missing.status == 401);
    CHECK(missing.has(R"("code":"token_missing")"));
    CHECK(missing.has("WWW-Authenticate: Bearer"));
    CHECK(world.ask("GET", target, "Authorization: Basic YTpi\r\n").has("token_missing"));
    CHECK(world.ask("GET", target, "Authorization: Bearer an-operator-tokem\r\n").has("token_invalid"));
    CHECK(world.ask("GET", target, "Authorization: Bearer an-operator-toke\r\n").has("token_invalid"));
    CHECK(world.ask("GET", target, World::authorization() + World::authorization()).has("token_invalid"));
  }
}

TEST_CASE("the calls reach the administration with their event and move") {
  World world;
  CHECK(world.administer("GET", "/admin/v1/events").body == R"({"events":[]})");
  const auto put = world.administer("PUT", "/admin/v1/events/winter", definition);
  CHECK(put.status == 201);
  CHECK(put.body == R"({"event":"winter","seats":7})");
  CHECK(put.has("Content-Type: application/json\r\n"));
  for (const auto* move : {"warm", "open", "pause", "resume", "close"}) {
    const auto moved = world.administer("POST", fmt::format("/admin/v1/events/winter/{}?x=1", move));
    CHECK(moved.body == fmt::format(R"({{"event":"winter","move":"{}"}})", move));
  }
  const auto unknown = world.administer("GET", "/admin/v1/events/spring");
  CHECK(unknown.status == 404);
  CHECK(unknown.has("Content-Type: application/problem+json\r\n"));
  CHECK(unknown.has(R"("code":"event_not_found")"));
  CHECK(unknown.has(R"("detail":"there is no event spring")"));
}

TEST_CASE("a wrong definition is refused with the member that is wrong") {
  World world;
  const auto torn = world.administer("PUT", "/admin/v1/events/e", R"({"name":)");
  CHECK(torn.status == 400);
  CHECK(torn.has("is not valid JSON"));
  const auto wrong = world.administer("PUT", "/admin/v1/events/e", R"({"name":7})");
  CHECK(wrong.status == 400);
  CHECK(wrong.has(R"("code":"bad_request")"));
  CHECK(wrong.has("name must be a text"));
  const auto form =
      world.ask("PUT", "/admin/v1/events/e",
                World::authorization() + "Content-Type: application/x-www-form-urlencoded\r\n", definition);
  CHECK(form.status == 415);
}

TEST_CASE("what is not there, not allowed, not yet built or badly named says so") {
  World world;
  CHECK(world.ask("GET", "/nothing").has(R"("code":"not_found")"));
  const auto deleted = world.administer("DELETE", "/admin/v1/events/e");
  CHECK(deleted.status == 405);
  CHECK(deleted.has("Allow: GET, HEAD, PUT\r\n"));
  CHECK(deleted.has(R"("code":"method_not_allowed")"));
  CHECK(world.administer("PATCH", "/admin/v1/events/e/admission", R"({"rate_per_s":1})").has("not_implemented"));
  CHECK(world.administer("GET", "/admin/v1/events/a%20b").has("event must match"));
}

TEST_CASE("HEAD is answered like GET, without the body") {
  World world;
  auto client = world.client();
  client.send("HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto head = client.read(false);
  CHECK(head.status == 200);
  CHECK(head.has("Content-Length: 5\r\n"));
  CHECK(client.read().body == "live\n");  // nothing of the first answer is in the way
}

TEST_CASE("requests that come in one piece or byte by byte are answered in order on one connection") {
  World world;
  auto client = world.client();
  const auto put = World::request("PUT", "/admin/v1/events/e", World::authorization(), definition);
  client.send(put + World::request("GET", "/livez", {}, {}));
  CHECK(client.read().status == 201);
  CHECK(client.read().body == "live\n");
  for (const char c : put) client.send({&c, 1});
  CHECK(client.read().status == 201);
}

TEST_CASE("a client that asks first is told to go on") {
  World world;
  auto client = world.client();
  client.send(
      fmt::format("PUT /admin/v1/events/e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{}Content-Length: {}\r\n\r\n",
                  World::authorization(), definition.size()));
  CHECK(client.read().status == 100);
  client.send(definition);
  CHECK(client.read().status == 201);
}

TEST_CASE("a body that will not be read is not waited for") {
  World world;
  auto client = world.client();
  client.send("PUT /admin/v1/events/e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n");
  const auto refused = client.read();
  CHECK(refused.status == 401);
  CHECK(refused.has("Connection: close"));
  CHECK(client.closed());
}

TEST_CASE("a body or a header beyond its limit is refused and the answer arrives although the client still sends") {
  World world;
  auto big = world.client();
  big.send(World::request("PUT", "/admin/v1/events/e", World::authorization(), std::string(1024 * 1024 + 1, ' ')));
  CHECK(big.read().has(R"("code":"body_too_large")"));
  auto chunked = world.client();
  chunked.send("PUT /admin/v1/events/e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + World::authorization() +
               "\r\n");
  for (int at = 0; at < 20; ++at) chunked.send("10000\r\n" + std::string(65536, ' ') + "\r\n");
  CHECK(chunked.read().has(R"("code":"body_too_large")"));
  auto wide = world.client();
  wide.send("GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(9000, 'x') + "\r\n\r\n");
  CHECK(wide.read().has(R"("code":"headers_too_large")"));
}

TEST_CASE("only a hall may be large: other calls take no large body, least of all without a token") {
  World world;
  const std::string large(20'000, ' ');
  CHECK(world.ask("GET", "/livez", {}, large).has(R"("code":"body_too_large")"));
  CHECK(world.administer("POST", "/admin/v1/events/e/open", large).has(R"("code":"body_too_large")"));
  CHECK(world.administer("POST", "/admin/v1/events/e/open", "{}").status == 200);
  auto chunked = world.client();
  chunked.send("GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n" +
               std::string(0x5000, ' '));
  CHECK(chunked.read().has("the body has more than 16384 bytes"));
  CHECK(world.administer("PUT", "/admin/v1/events/e", std::string{definition} + large).status == 201);
}

TEST_CASE("what is no HTTP costs its connection and nothing else") {
  World world;
  for (const auto* torn :
       {"GET\r\n\r\n", "\x16\x03\x01 hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"}) {
    CAPTURE(torn);
    auto client = world.client();
    client.send(torn);
    const auto reply = client.read();
    CHECK(reply.status == 400);
    CHECK(reply.has(R"("code":"bad_request")"));
    CHECK(client.closed());
  }
  {
    auto half = world.client();
    half.send("GET /livez HTTP/1.1\r\nHo");
  }
  CHECK(world.ask("GET", "/livez").status == 200);
}

TEST_CASE("a request behind one whose end is not known for sure is never executed") {
  World world;
  for (const auto* framing : {
           "Transfer-Encoding: gzip\r\n",
           "Transfer-Encoding: identity\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding:\r\n",
           "Transfer-Encoding: xchunked\r\nContent-Length: 40\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length: 0\r\nContent-Length: 0\r\n",
           "Content-Length: 0, 0\r\n",
           "Content-Length: +0\r\n",
           "X: 1\r\n Content-Length: 0\r\n",
           "Expect: foo\r\n",
       }) {
    CAPTURE(framing);
    auto client = world.client();
    client.send(World::request("POST", "/admin/v1/events/e/open", World::authorization() + framing, {}));
    client.send(World::request("GET", "/livez", {}, {}));
    const auto refused = client.read();
    CHECK(refused.status == 400);
    CHECK(refused.has("Connection: close\r\n"));
    CHECK(client.closed());
  }
  auto old = world.client();
  old.send("GET /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  CHECK(old.read().status == 400);
  CHECK(old.closed());
}

TEST_CASE("a refused body is never taken for the next request") {
  World world;
  const auto behind = World::request("GET", "/livez", {}, {});
  for (const auto* head :
       {"PUT /admin/v1/events/e HTTP/1.1\r\nHost: a\r\n", "PUT /nowhere HTTP/1.1\r\nHost: a\r\n",
        "POST /livez HTTP/1.1\r\nHost: a\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"}) {
    for (const auto& framing : {std::string{"Transfer-Encoding: chunked\r\n\r\n"},
                                fmt::format("Content-Length: {}\r\n\r\n", behind.size())}) {
      CAPTURE(head);
      CAPTURE(framing);
      auto client = world.client();
      client.send(head + framing + behind);
      const auto refused = client.read();
      CHECK(refused.status >= 400);
      CHECK(refused.has("Connection: close\r\n"));
      CHECK(client.closed());
    }
  }
}

TEST_CASE("a request for any host, or for two, administers nothing") {
  World world;
  for (const auto* hosts : {"", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n", "Host: a b\r\n", "Host: a/b\r\n"}) {
    CAPTURE(hosts);
    for (const auto* target : {"/livez", "/admin/v1/events", "http://a/livez"}) {
      auto client = world.client();
      client.send(fmt::format("GET {} HTTP/1.1\r\n{}{}\r\n", target, hosts, World::authorization()));
      const auto refused = client.read();
      CHECK(refused.status == 400);
      CHECK(refused.has("Connection: close\r\n"));
    }
  }
  auto probe = world.client();
  probe.send("GET /livez HTTP/1.0\r\n\r\n");
  CHECK(probe.read().status == 200);  // HTTP/1.0 knows no Host
  CHECK(probe.closed());
}

TEST_CASE("a target in the absolute form, as a proxy writes it, is the same call and needs the same token") {
  World world;
  CHECK(world.ask("GET", "http://a:9090/readyz?x").status == 200);
  CHECK(world.ask("GET", "HTTP://a/admin/v1/events").status == 401);
  CHECK(world.administer("GET", "http://a/admin/v1/events").status == 200);
  CHECK(world.administer("POST", "http://a/admin/v1/events/e/open").has(R"("event":"e","move":"open")"));
  for (const auto* target :
       {"http:///livez", "http://a@b/livez", "ftp://a/livez", "livez", "*", "/livez%0", "/livez%00"}) {
    CAPTURE(target);
    CHECK(world.ask("GET", target).status == 400);
  }
}

TEST_CASE("a connection that says nothing in time is closed") {
  World world{{.io_ms_max = 200}};
  auto idle = world.client();
  auto slow = world.client();
  slow.send("GET /livez HT");
  CHECK(idle.closed());
  CHECK(slow.closed());
  CHECK(world.ask("GET", "/livez").status == 200);
}

TEST_CASE("probes are answered while every admin call waits for PostgreSQL") {
  World world{{.call_threads = 1, .calls_waiting_max = 2}};
  world.memory.close_gate();
  auto first = world.client(), second = world.client();
  const auto list = World::request("GET", "/admin/v1/events", World::authorization(), {});
  first.send(list);
  world.memory.await_blocked(1);
  second.send(list);
  CHECK(world.ask("GET", "/livez").status == 200);
  CHECK(world.ask("GET", "/readyz").status == 200);
  CHECK(world.ask("GET", "/metrics").status == 200);
  while (world.administer("GET", "/admin/v1/events/e").status != 503) std::this_thread::yield();  // both places taken
  world.memory.open_gate();
  CHECK(first.read().status == 200);
  CHECK(second.read().status == 200);
}

TEST_CASE("a call that throws is a problem, not the end") {
  World world;
  const auto reply = world.administer("GET", "/admin/v1/events/broken");
  CHECK(reply.status == 503);
  CHECK(reply.has(R"("code":"backend_unavailable")"));
  CHECK_FALSE(reply.has("a library threw"));
  CHECK(world.ask("GET", "/livez").status == 200);
}

TEST_CASE("silent connections keep no probe away") {
  World world{{.connections_max = 8}};
  std::vector<std::unique_ptr<Client>> silent;
  for (int at = 0; at < 24; ++at) {
    silent.push_back(std::make_unique<Client>(world.listener->port()));
    if (at % 3 == 1) silent.back()->send("GET /livez HTTP/1.1\r\nX: ");
    if (at % 3 == 2) silent.back()->send(World::request("GET", "/livez", "Content-Length: 5\r\n", {}));
  }
  for (int at = 0; at < 24; ++at) {
    CHECK(world.ask("GET", "/livez").status == 200);
    CHECK(world.ask("GET", "/readyz").status == 200);
  }
  CHECK(silent.front()->closed());
}

TEST_CASE("who has been silent longest makes room, not who has just spoken") {
  World world{{.connections_max = 2}};
  const auto ask = World::request("GET", "/livez", {}, {});
  auto keeps = world.client(), silent = world.client();
  for (auto* each : {&keeps, &silent, &keeps}) {
    each->send(ask);
    CHECK(each->read().status == 200);
  }
  CHECK(world.ask("GET", "/livez").status == 200);
  CHECK(silent.closed());
  keeps.send(ask);
  CHECK(keeps.read().status == 200);
}

TEST_CASE("a call that runs makes room for nobody, and there is room again when it has ended") {
  World world{{.connections_max = 2}};
  world.memory.close_gate();
  auto one = world.client(), two = world.client();
  for (auto* each : {&one, &two}) each->send(World::request("GET", "/admin/v1/events", World::authorization(), {}));
  world.memory.await_blocked(2);
  auto three = world.client();
  CHECK(three.closed());
  world.memory.open_gate();
  CHECK(one.read().status == 200);
  CHECK(two.read().status == 200);
  CHECK(world.ask("GET", "/livez").status == 200);
}

TEST_CASE("a port that is taken is said plainly") {
  World world;
  app::OperationsListener second{
      {.port = world.listener->port(), .admin_token = "x"}, world.memory, world.metrics, world.log};
  const auto started = second.start();
  CHECK_FALSE(started);
  CHECK(started.problem ==
        fmt::format("operations: cannot listen on 127.0.0.1 port {}: Address already in use", world.listener->port()));
  app::OperationsListener nowhere{{.address = "not an address"}, world.memory, world.metrics, world.log};
  CHECK_FALSE(nowhere.start());
}

TEST_CASE("stopping waits for the call that runs and drops those that wait") {
  World world{{.call_threads = 1}};
  world.memory.close_gate();
  std::vector<std::unique_ptr<Client>> clients;
  for (int at = 0; at < 3; ++at) {
    clients.push_back(std::make_unique<Client>(world.listener->port()));
    clients.back()->send(World::request("GET", "/admin/v1/events", World::authorization(), {}));
  }
  world.memory.await_blocked(1);
  std::thread opener{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    world.memory.open_gate();
  }};
  world.listener->stop();
  world.listener->stop();
  opener.join();
  world.listener.reset();
  for (auto& client : clients) CHECK(client->closed());
}
