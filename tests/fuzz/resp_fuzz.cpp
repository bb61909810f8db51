// resp::Scanner and resp::View against hiredis' redisReader. Properties:
// - a reply that we accept, hiredis accepts, of the same size and with the same values;
// - a reply that hiredis accepts, we accept, unless it breaks one of the rules that we keep on purpose and hiredis does
//   not: arrays at most 4 deep, no CR inside a line, CRLF behind a bulk string, the limit of a reply's bytes;
// - what hiredis refuses, we refuse; cuts and moves of the bytes change nothing.
// The protocol is RESP2, as hiredis 0.14 speaks it; RESP3's types are refused by both.
// Input: a byte that chooses the cuts, a byte that chooses the limit, then the replies.
#include <hiredis/read.h>

#include <string>

#include "net/wire/resp.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using net::resp::Kind;
using net::resp::Scanner;
using net::resp::View;
using State = Scanner::State;

// What hiredis read: written down again as it should have been sent, and as values, whatever way they were sent.
struct Heard {
  std::string bytes, values;
  uint32_t depth_max = 0;
  bool cr_in_line = false;
};

uint32_t depth_of(const redisReadTask* task) {
  uint32_t depth = 0;
  for (; task != nullptr; task = task->parent) ++depth;
  return depth;
}

Heard& heard_by(const redisReadTask* task) { return *static_cast<Heard*>(task->privdata); }

void* hear(Heard& heard, const std::string& bytes, const std::string& value) {
  heard.bytes.append(bytes).append("\r\n");
  heard.values.append(value).append("\n");
  return &heard;  // hiredis wants an object
}

void* heard_string(const redisReadTask* task, char* bytes, std::size_t size) {
  auto& heard = heard_by(task);
  const std::string text(bytes, size);
  const auto count = std::to_string(size);
  if (task->type == REDIS_REPLY_STRING) return hear(heard, "$" + count + "\r\n" + text, "text " + count + text);
  heard.cr_in_line |= text.find('\r') != text.npos;
  const bool error = task->type == REDIS_REPLY_ERROR;
  return hear(heard, (error ? "-" : "+") + text, (error ? "error " : "text ") + count + text);
}

void* heard_array(const redisReadTask* task, int size) {
  auto& heard = heard_by(task);
  if (size > 0) heard.depth_max = std::max(heard.depth_max, depth_of(task));
  return hear(heard, "*" + std::to_string(size), "array " + std::to_string(size));
}

void* heard_integer(const redisReadTask* task, long long value) {
  return hear(heard_by(task), ":" + std::to_string(value), "integer " + std::to_string(value));
}

void* heard_null(const redisReadTask* task) {
  return hear(heard_by(task), task->type == REDIS_REPLY_ARRAY ? "*-1" : "$-1", "null");
}

void forget(void*) {}

enum class Verdict : uint8_t { incomplete, complete, malformed };

// One reply from the front of `bytes`.
Verdict ask_hiredis(std::string_view bytes, Heard& heard) {
  static redisReplyObjectFunctions functions{&heard_string, &heard_array, &heard_integer, &heard_null, &forget};
  const std::unique_ptr<redisReader, void (*)(redisReader*)> reader{redisReaderCreateWithFunctions(&functions),
                                                                    &redisReaderFree};
  reader->privdata = &heard;
  ONSALE_ASSERT(redisReaderFeed(reader.get(), bytes.data(), bytes.size()) == REDIS_OK);
  void* reply = nullptr;
  if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK) return Verdict::malformed;
  return reply == nullptr ? Verdict::incomplete : Verdict::complete;
}

// ---- our side

void append_values(View view, std::string& out) {
  const auto text = std::to_string(view.text().size()).append(view.text()) + "\n";
  switch (view.kind()) {
    case Kind::null:
      out += "null\n";
      break;
    case Kind::integer:
      ONSALE_ASSERT(view.number() == view.integer());
      out += "integer " + std::to_string(view.integer()) + "\n";
      break;
    case Kind::error:
      out += "error " + text;
      break;
    case Kind::text:
      out += "text " + text;
      break;
    case Kind::array: {
      out += "array " + std::to_string(view.size()) + "\n";
      uint32_t count = 0;
      for (const auto element : view) {
        append_values(element, out);
        ++count;
      }
      ONSALE_ASSERT(count == view.size() && view[count].kind() == Kind::null);
    }
  }
}

// Each scan from fresh memory that ends where the bytes end. Stops as a connection would: at the first verdict.
Scanner scan_cut(std::string_view bytes, std::size_t bytes_max, fuzz::Random random) {
  Scanner scanner{bytes_max};
  auto state = State::incomplete;
  for (std::size_t end = 0; end < bytes.size() && state == State::incomplete;) {
    end += std::min<std::size_t>(bytes.size() - end, 1 + random.below(8));
    const fuzz::Exact memory{bytes.substr(0, end), 0, '\0'};
    state = scanner.scan(memory.view());
  }
  return scanner;
}

// Of the reply at the front of `bytes`; its size, or nothing when it is not whole.
std::size_t check_reply(std::string_view bytes, std::size_t bytes_max, fuzz::Random random) {
  const fuzz::Exact memory{bytes, 0, '\0'};
  Scanner whole{bytes_max};
  const auto state = whole.scan(memory.view());
  auto cut = scan_cut(bytes, bytes_max, random);
  ONSALE_ASSERT(cut.scan(memory.view()) == state);
  Heard heard;
  const auto theirs = ask_hiredis(bytes, heard);
  if (theirs == Verdict::complete && state != State::complete) {
    const auto same = bytes.starts_with(heard.bytes);
    const auto fits = heard.bytes.size() <= bytes_max && heard.depth_max <= core::limits::reply_depth_max;
    ONSALE_ASSERT(state == State::malformed && !(same && fits && !heard.cr_in_line));
  }
  if (theirs == Verdict::malformed) ONSALE_ASSERT(state == State::malformed);
  if (state != State::complete) return 0;
  ONSALE_ASSERT(theirs == Verdict::complete && cut.size() == whole.size() && whole.size() <= bytes_max);
  const fuzz::Exact reply{bytes.substr(0, whole.size()), 0, '\0'};
  ONSALE_ASSERT(reply.view() == heard.bytes);
  std::string values;
  append_values(View{reply.view().data()}, values);
  ONSALE_ASSERT(values == heard.values);
  return whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::Script script{fuzz::text_of(data, size)};
  const fuzz::Random random{script.byte()};
  const std::size_t bytes_max = script.one_in(4) ? 64 : core::limits::reply_bytes_max;
  auto bytes = script.rest();
  while (const auto reply = check_reply(bytes, bytes_max, random)) bytes.remove_prefix(reply);
  return 0;
}
