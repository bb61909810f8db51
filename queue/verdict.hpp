// What a script's reply to one item begins with: 'ok', a code of the HTTP contract, or that the epoch has changed.
// Thread: the loop's.
#pragma once
#include "core/error.hpp"
#include "net/exchange.hpp"
#include "net/problem.hpp"
#include "net/wire/resp.hpp"

namespace queue {

struct Verdict {
  enum class Kind : uint8_t { ok, refused, stale, unknown };
  Kind kind = Kind::unknown;
  net::Code code = net::Code::backend_unavailable;  // of refused

  bool ok() const { return kind == Kind::ok; }
  bool stale() const { return kind == Kind::stale; }
  bool code_is(net::Code wanted) const { return kind == Kind::refused && code == wanted; }
  // `unknown` for a word that is neither: the caller may know it (a state in line, say).
  static Verdict read(const net::resp::View& reply);
  static Verdict refused(net::Code code) { return {Kind::refused, code}; }
};

// Answers a request that got no verdict (error is not none), or one that is not ok. The epoch has changed means that
// the state is being rebuilt: 503 frozen.
void respond_failure(net::Exchange& x, core::Error error, const Verdict& verdict, std::string_view more_headers = {});

std::string_view detail_of(net::Code code);

}  // namespace queue
