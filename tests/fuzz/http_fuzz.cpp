// A connection's bytes, read by http::RequestReader as net::Connection uses it. Properties:
// - whole, cut anywhere from exact memory, or through an inbox behind busy handlers: the same requests in the same
//   order, and the same refusal or the same wish for more. What lies behind the bytes never counts.
// - no view of a request leaves its message, and no read goes further than 64 bytes behind what has arrived.
// - where Boost.Beast accepts a message of ours, it ends where ours ends and has the same method, target, fields, body.
// Input: a byte that chooses the cuts, then the stream.
#include <boost/beast/http.hpp>
#include <string>
#include <utility>
#include <vector>

#include "net/buffer_pool.hpp"
#include "net/inbox.hpp"
#include "net/wire/http_request.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

namespace beast = boost::beast::http;
using net::http::Refusal;
using net::http::Request;
using net::http::RequestReader;
using Progress = RequestReader::Progress;

// Everything a handler or a client could tell apart.
struct Outcome {
  std::vector<std::string> requests;
  std::size_t bytes = 0;  // of all messages
  Refusal refusal = Refusal::none;
  std::string detail;
  bool operator==(const Outcome&) const = default;
};

Request& shared_request() {  // big and reused, as a core does
  static Request request;
  return request;
}

bool lies_in(std::string_view whole, std::string_view part) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_views(const Request& request, std::string_view message) {
  ONSALE_ASSERT(lies_in(message, request.method()) && lies_in(message, request.path()));
  ONSALE_ASSERT(lies_in(message, request.raw_query()));
  ONSALE_ASSERT(request.body().empty() || request.body().end() == message.end());
  for (const auto& field : request) ONSALE_ASSERT(lies_in(message, field.name) && lies_in(message, field.value));
}

// As the router and the handlers look at it, each part decoded once.
std::string summary(Request& request) {
  std::string all;
  for (auto part : {request.method(), request.path(), request.raw_query(), request.body()}) all.append(part) += '\n';
  for (const auto& field : request) all.append(field.name).append("=").append(field.value) += '\n';
  const auto segments = std::min(request.segment_count(), Request::parameters_max);
  for (uint32_t at = 0; at < segments; ++at) {
    request.add_parameter(request.segment(at));
    all.append("/").append(request.parameter(at));
  }
  request.clear_parameters();
  for (auto name : {"wait", "a", ""}) all.append("?").append(request.query(name).value_or("-"));
  for (auto name : {"sid", "a"}) all.append(";").append(request.cookie(name).value_or("-"));
  return all + (request.keep_alive() ? " keep" : " close") + (request.minor_version() == 1 ? " 1.1" : " 1.0");
}

std::string_view ours(boost::beast::string_view text) { return {text.data(), text.size()}; }

void check_fields(const beast::fields& theirs, const Request& request) {
  std::size_t count = 0;
  for (const auto& field : theirs) {
    ++count;
    ONSALE_ASSERT(std::any_of(request.begin(), request.end(), [&](const Request::Field& one) {
      return one.name == ours(field.name_string()) && one.value == ours(field.value());
    }));
  }
  ONSALE_ASSERT(count == static_cast<std::size_t>(request.end() - request.begin()));
}

void check_against_beast(std::string_view message, const Request& request) {
  beast::request_parser<beast::string_body> parser;
  parser.eager(true);
  parser.header_limit(64 * 1024);
  boost::system::error_code error;
  const auto size = parser.put(boost::asio::buffer(message.data(), message.size()), error);
  if (error && error != beast::error::need_more) return;  // it may refuse what we take
  ONSALE_ASSERT(parser.is_done() && size == message.size());
  const auto& theirs = parser.get();
  ONSALE_ASSERT(ours(theirs.method_string()) == request.method() && theirs.body() == request.body());
  const auto target = ours(theirs.target());
  auto expected = std::string{request.path()};
  if (target.find('?') != target.npos) expected.append("?").append(request.raw_query());
  ONSALE_ASSERT(target.ends_with(expected) && (target.size() == expected.size() || !target.starts_with('/')));
  check_fields(theirs, request);
}

// One connection: takes what has arrived and reads as many requests as its handlers are ready for.
class Reading {
 public:
  bool refused() const { return outcome_.refusal != Refusal::none; }
  const Outcome& outcome() const { return outcome_; }

  // Connection::consume. `bytes` begins where the last message ended; at most `requests_max` are read. Returns how
  // much is done with; a refusal ends the connection.
  std::size_t consume(std::string_view bytes, RequestReader& reader, uint32_t requests_max = UINT32_MAX) {
    std::size_t used = 0;
    while (used < bytes.size() && requests_max-- > 0) {
      auto& request = shared_request();
      const auto progress = reader.read(bytes.substr(used), request);
      if (progress == Progress::more) break;
      if (progress == Progress::refused) return refuse(reader, bytes.size());
      take(bytes.substr(used, reader.message_bytes()), request);
      used += reader.message_bytes();
      reader = {};
    }
    return used;
  }

 private:
  std::size_t refuse(const RequestReader& reader, std::size_t bytes) {
    ONSALE_ASSERT(reader.refusal() != Refusal::none && reader.detail() != nullptr);
    outcome_.refusal = reader.refusal();
    outcome_.detail = reader.detail();
    return bytes;
  }
  void take(std::string_view message, Request& request) {
    check_views(request, message);
    check_against_beast(message, request);
    outcome_.requests.push_back(summary(request));
    outcome_.bytes += message.size();
  }
  Outcome outcome_;
};

Outcome read_whole(std::string_view stream, char filler) {
  const fuzz::Exact memory{stream, net::Inbox::slack_bytes, filler};
  Reading reading;
  RequestReader reader;
  reading.consume(memory.view(), reader);
  return reading.outcome();
}

// Pieces of all sizes up to a limit that the seed chooses as well, so that some inputs come byte by byte.
class Cuts {
 public:
  explicit Cuts(uint8_t seed) : random_{seed}, bytes_max_{4u << random_.below(8)} {}
  std::size_t next(std::size_t left) { return std::min<std::size_t>(left, 1 + random_.below(bytes_max_)); }
  bool busy() { return random_.below(4) == 0; }

 private:
  fuzz::Random random_;
  uint32_t bytes_max_;
};

// Every look from a fresh place in memory that ends where the bytes end.
Outcome read_cut(std::string_view stream, Cuts cuts) {
  Reading reading;
  RequestReader reader;
  std::size_t begin = 0, end = 0;
  while (end < stream.size() && !reading.refused()) {
    end += cuts.next(stream.size() - end);
    const fuzz::Exact memory{stream.substr(begin, end - begin), net::Inbox::slack_bytes, 'c'};
    begin += reading.consume(memory.view(), reader);
  }
  return reading.outcome();
}

// Connection::take and consume_inbox: what is cut, or comes while a handler is busy, waits in an inbox.
Outcome read_through_inbox(std::string_view stream, Cuts cuts) {
  net::BufferPool pool{net::BufferPool::block_bytes_max};
  net::Inbox* inbox = nullptr;
  Reading reading;
  auto consume_inbox = [&](uint32_t requests_max) {
    inbox->discard(reading.consume(inbox->bytes(), inbox->reader, requests_max));
    if (inbox->size() == 0) net::Inbox::destroy(pool, std::exchange(inbox, nullptr));
  };
  while (!stream.empty() && !reading.refused()) {
    const auto piece = stream.substr(0, cuts.next(stream.size()));
    stream.remove_prefix(piece.size());
    const uint32_t requests_max = cuts.busy() ? 0 : 1;
    RequestReader reader;
    const auto used = inbox == nullptr ? reading.consume(piece, reader, requests_max) : 0;
    if (used == piece.size()) continue;
    const auto fresh = inbox == nullptr;
    inbox = net::Inbox::append(pool, inbox, piece.substr(used));
    ONSALE_ASSERT(inbox != nullptr);
    if (fresh) inbox->reader = reader;
    if (!fresh) consume_inbox(requests_max);
  }
  if (inbox != nullptr && !reading.refused()) consume_inbox(UINT32_MAX);
  net::Inbox::destroy(pool, inbox);
  return reading.outcome();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::Script script{fuzz::text_of(data, size)};
  const Cuts cuts{script.byte()};
  const auto stream = script.rest();
  const auto whole = read_whole(stream, '\0');
  ONSALE_ASSERT(read_whole(stream, '\n') == whole);
  ONSALE_ASSERT(read_cut(stream, cuts) == whole);
  ONSALE_ASSERT(read_through_inbox(stream, cuts) == whole);
  return 0;
}
