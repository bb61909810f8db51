// The table of hostile HTTP against a server behind a socket: what is answered, in which order, and that a refusal is
// the last thing a connection says. The server echoes, so an answer tells which request it belongs to.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/hostile/vectors.hpp"
#include "tests/integration/net/http_client.hpp"

using net_test::Client;
using net_test::eventually;
using net_test::Running;

namespace {

using hostile::End;
using hostile::Expected;
using hostile::Vector;

class Echo {
 public:
  core::Async answer(net::Exchange& x) {
    auto& out = x.scratch();
    out.append(x.method()), out.append(" "), out.append(x.path()), out.append(" "), out.append(x.body());
    x.respond(net::Status::ok, out.view(), "application/octet-stream");
    return core::Async::finished();
  }
  std::vector<net::Route> routes() {
    std::vector<net::Route> all;
    for (auto method : {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "M-SEARCH"}) {
      all.push_back(net::route<&Echo::answer>(method, "/v1/{name}", *this));
    }
    return all;
  }
};

// A path the server knows; what it knows it echoes, the rest is 404 or 405.
bool echoed(const Expected& request) {
  auto path = request.target.substr(0, request.target.find('?'));
  auto one_segment = path.starts_with("/v1/") && path.size() > 4 && path.find('/', 4) == std::string::npos;
  return one_segment && request.method != "OPTIONS";
}

const Expected first{"POST", "/v1/first", "{\"a\":\"b\"}"};
constexpr std::string_view first_bytes = "POST /v1/first HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}";
const Expected last{"GET", "/v1/last", ""};
constexpr std::string_view last_bytes = "GET /v1/last HTTP/1.1\r\nHost: a\r\n\r\n";

// A vector behind good requests and, where the table says what becomes of it, in front of one.
struct Scene {
  Scene(const Vector& vector, int before) : end{vector.end}, status{vector.status} {
    for (; before > 0; --before) {
      bytes += first_bytes;
      requests.push_back(first);
    }
    bytes += vector.bytes;
    requests.insert(requests.end(), vector.requests.begin(), vector.requests.end());
    if (vector.end != End::waits) bytes += last_bytes;
    if (vector.end == End::open) requests.push_back(last);
  }
  std::string bytes;
  std::vector<Expected> requests;
  End end;
  int status;
};

class Table {
 public:
  // Sends the pieces one after the other, each only when the server has taken the one before.
  void play(const Scene& scene, const std::vector<std::size_t>& cuts) {
    Client client{running_.port()};
    ++connections_;
    soon([&] { return metrics().accepted.value() == connections_; });
    std::size_t from = 0;
    for (auto cut : cuts) {
      send(client, std::string_view{scene.bytes}.substr(from, cut - from));
      from = cut;
    }
    send(client, std::string_view{scene.bytes}.substr(from));
    check(client, scene);
    requests_ += scene.requests.size();
    refused_ += scene.end == End::refused ? 1 : 0;
  }
  // What the server counted is what was played: nothing behind a refusal was looked at.
  void check_counts() {
    CHECK(metrics().requests.value() == requests_);
    CHECK(metrics().refused_requests.value() == refused_);
    CHECK(eventually([&] { return metrics().connections.value() == 0; }));
    CHECK(running_.server().memory().bytes_used().value() == 0);
  }

 private:
  const net::ServerMetrics& metrics() { return running_.server().metrics(); }

  // Returns when the server has taken the piece, or has closed: who was answered "Connection: close" may go unheard.
  void send(Client& client, std::string_view piece) {
    auto wanted = metrics().bytes_received.value() + piece.size();
    static_cast<void>(client.send(piece));
    soon([&] { return metrics().bytes_received.value() >= wanted || metrics().connections.value() == 0; });
  }
  // Sleeping would take most of the time of ten thousand connections.
  template <class Until>
  static void soon(Until until) {
    for (auto deadline_ms = core::monotonic_ms() + 5000; !until(); std::this_thread::yield()) {
      REQUIRE(core::monotonic_ms() < deadline_ms);
    }
  }
  void check(Client& client, const Scene& scene) {
    for (const auto& request : scene.requests) check_answer(client, request);
    if (scene.end == End::refused) {
      auto refusal = client.receive();
      CHECK(refusal.status == scene.status);
      CHECK(refusal.has("Connection: close\r\n"));
    }
    if (scene.end == End::refused || scene.end == End::closes) CHECK(client.closed());
    if (scene.end == End::waits) return check_silence(client);
    CHECK(client.pending().empty());
  }
  // A whole turn later there is still no answer, but perhaps the wish for a body.
  void check_silence(Client& client) {
    running_.call([] {});
    char bytes[64];
    auto got = ::recv(client.fd(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0) client.pending().append(bytes, static_cast<std::size_t>(got));
    CHECK((client.pending().empty() || client.pending() == "HTTP/1.1 100 Continue\r\n\r\n"));
  }
  static void check_answer(Client& client, const Expected& request) {
    auto answer = client.receive(request.method != "HEAD");
    if (answer.status == 100) answer = client.receive(request.method != "HEAD");
    auto known = echoed(request);
    CHECK((answer.status == 200) == known);
    CHECK((answer.status == 404 || answer.status == 405) == !known);
    if (!known) return;
    auto path = request.target.substr(0, request.target.find('?'));
    if (request.method != "HEAD") CHECK(answer.body == request.method + " " + path + " " + request.body);
  }

  Echo echo_;
  Running running_{{}, echo_.routes()};
  uint64_t connections_ = 0, requests_ = 0, refused_ = 0;
};

// Every place to cut a short stream, some of a long one: a cut costs a connection.
std::vector<std::size_t> places(const std::string& bytes, std::size_t cuts_max) {
  std::vector<std::size_t> all;
  auto stride = (bytes.size() + cuts_max - 1) / cuts_max;
  for (std::size_t at = 1; at < bytes.size(); at += stride) all.push_back(at);
  return all;
}

}  // namespace

TEST_CASE("over a socket a hostile stream gets what the table says, behind none, one and three good requests") {
  Table table;
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    for (auto before : {0, 1, 3}) table.play({vector, before}, {});
  }
  table.check_counts();
}

TEST_CASE("over a socket the answers do not depend on where the stream is cut in two") {
  Table table;
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    Scene scene{vector, 0};
    for (auto cut : places(scene.bytes, 160)) {
      CAPTURE(cut);
      table.play(scene, {cut});
    }
  }
  table.check_counts();
}

TEST_CASE("over a socket the answers do not depend on the stream coming byte by byte") {
  Table table;
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    Scene scene{vector, 1};
    table.play(scene, places(scene.bytes, 320));
  }
  table.check_counts();
}
