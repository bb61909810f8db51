// The table of hostile HTTP, fed to the reader in every way bytes can arrive. What comes out never depends on the way.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <ostream>
#include <set>
#include <string>

#include "net/wire/http_request.hpp"
#include "net/wire/http_status.hpp"
#include "tests/hostile/vectors.hpp"

namespace {

using hostile::End;
using hostile::Vector;
using Progress = net::http::RequestReader::Progress;

// What one stream came to: the requests, and how it ended.
struct Outcome {
  std::vector<hostile::Expected> requests;
  End end = End::open;
  int status = 0;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const auto& each : outcome.requests) {
    out << each.method << ' ' << each.target.substr(0, 80) << " [" << each.body.size() << "] ";
  }
  return out << "end " << static_cast<int>(outcome.end) << ' ' << outcome.status;
}

int status_of(net::http::Refusal refusal) {
  switch (refusal) {
    case net::http::Refusal::headers_too_large:
      return 431;
    case net::http::Refusal::body_too_large:
      return 413;
    case net::http::Refusal::not_implemented:
      return 501;
    case net::http::Refusal::none:
    case net::http::Refusal::malformed:
      break;
  }
  return 400;
}

// A connection without a socket: keeps what has come and is not done with, as an Inbox does. Each portion is read from
// memory of exactly its size and the promised slack, so that a sanitizer sees any look beyond.
class Stream {
 public:
  void arrive(std::string_view bytes) {
    if (outcome_.end == End::refused || outcome_.end == End::closes) return;
    waiting_ += bytes;
    memory_ = std::make_unique<char[]>(waiting_.size() + slack_bytes);
    std::memcpy(memory_.get(), waiting_.data(), waiting_.size());
    waiting_.erase(0, consume({memory_.get(), waiting_.size()}));
    if (outcome_.end == End::open || outcome_.end == End::waits)
      outcome_.end = waiting_.empty() ? End::open : End::waits;
  }
  const Outcome& outcome() const { return outcome_; }

 private:
  static constexpr std::size_t slack_bytes = 64;

  std::size_t consume(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && outcome_.end != End::closes) {
      auto progress = reader_.read(bytes.substr(used), request());
      if (progress == Progress::more) break;
      if (progress == Progress::refused) {
        outcome_.end = End::refused;
        outcome_.status = status_of(reader_.refusal());
        break;
      }
      note(request());
      used += reader_.message_bytes();
      reader_ = {};
    }
    return used;
  }
  void note(net::http::Request& request) {
    auto target = std::string{request.path()};
    if (request.raw_query().data() != nullptr) target.append("?").append(request.raw_query());
    outcome_.requests.push_back({std::string{request.method()}, target, std::string{request.body()}});
    if (!request.keep_alive()) outcome_.end = End::closes;
  }
  static net::http::Request& request() {
    static net::http::Request reused;
    return reused;
  }
  std::string waiting_;
  std::unique_ptr<char[]> memory_;
  net::http::RequestReader reader_;
  Outcome outcome_;
};

Outcome whole(std::string_view bytes) {
  Stream stream;
  stream.arrive(bytes);
  return stream.outcome();
}

Outcome cut_at(std::string_view bytes, std::size_t cut) {
  Stream stream;
  stream.arrive(bytes.substr(0, cut));
  stream.arrive(bytes.substr(cut));
  return stream.outcome();
}

Outcome bytewise(std::string_view bytes) {
  Stream stream;
  for (auto byte : bytes) stream.arrive({&byte, 1});
  return stream.outcome();
}

const hostile::Expected first{"POST", "/v1/first", "{\"a\":\"b\"}"};
constexpr std::string_view first_bytes = "POST /v1/first HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}";
const hostile::Expected last{"GET", "/v1/last", ""};
constexpr std::string_view last_bytes = "GET /v1/last HTTP/1.1\r\nHost: a\r\n\r\n";

// The vector behind `before` good requests, and one good request behind it where the table says what becomes of it.
struct Scene {
  std::string bytes;
  Outcome wanted;
};

Scene scene(const Vector& vector, int before, bool with_last) {
  Scene scene{{}, {{}, vector.end, vector.status}};
  for (; before > 0; --before) {
    scene.bytes += first_bytes;
    scene.wanted.requests.push_back(first);
  }
  scene.bytes += vector.bytes;
  auto& requests = scene.wanted.requests;
  requests.insert(requests.end(), vector.requests.begin(), vector.requests.end());
  if (!with_last) return scene;
  scene.bytes += last_bytes;
  if (vector.end == End::open) requests.push_back(last);
  return scene;
}

// Every place to cut a short stream; of a long one so many that the whole table takes seconds under a sanitizer.
void check_cuts(const Scene& scene, std::size_t cuts_max) {
  auto stride = std::max<std::size_t>(1, scene.bytes.size() / cuts_max);
  for (std::size_t cut = 1; cut < scene.bytes.size(); cut += stride) {
    auto outcome = cut_at(scene.bytes, cut);
    if (outcome != scene.wanted) FAIL_CHECK("cut at " << cut << ": " << outcome);
  }
}

void check(const Vector& vector, int before) {
  CAPTURE(vector.name);
  CAPTURE(before);
  for (auto with_last : {false, true}) {
    if (with_last && vector.end == End::waits) continue;  // it would be swallowed by what waits
    auto all = scene(vector, before, with_last);
    CHECK(whole(all.bytes) == all.wanted);
    check_cuts(all, 512);
  }
}

}  // namespace

TEST_CASE("the table tells at least 300 different damages, each once, each with its source") {
  std::set<std::string> names, streams;
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    CHECK(names.insert(vector.name).second);
    CHECK(streams.insert(vector.bytes).second);
    CHECK_FALSE(vector.bytes.empty());
    CHECK_FALSE(vector.source.empty());
    CHECK((vector.end != End::open || !vector.requests.empty()));
  }
  CHECK(names.size() >= 300);
}

TEST_CASE("a stream is read as the table says, however it is cut in two") {
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    auto alone = scene(vector, 0, false);
    CHECK(whole(alone.bytes) == alone.wanted);
    check_cuts(alone, alone.bytes.size());
  }
}

TEST_CASE("a stream is read as the table says, byte by byte") {
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    auto all = scene(vector, 1, vector.end != End::waits);
    CHECK(bytewise(all.bytes) == all.wanted);
  }
}

TEST_CASE("good requests in front are answered first, and behind a refusal nothing is") {
  for (const auto& vector : hostile::vectors()) {
    for (auto before : {0, 1, 3}) check(vector, before);
  }
}
