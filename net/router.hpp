// From method and path to a handler. Patterns are literals of ours: "/v1/events/{event}/holds/{hold}"; a name in
// braces stands for one segment that is not empty. The first pattern in the given order wins.
// Ownership: copies the routes, not the patterns (literals) nor the services. Immutable once built. Thread: any.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/text_buffer.hpp"
#include "net/wire/http_request.hpp"

namespace net {

struct Exchange;

struct Route {
  std::string_view method, pattern;
  core::Async (*handle)(void* service, Exchange& exchange);
  void* service;
};

// route<&Desk::hold>("POST", "/v1/events/{event}/holds", desk)
template <auto Handler, class Service>
Route route(std::string_view method, std::string_view pattern, Service& service) {
  auto handle = [](void* target, Exchange& exchange) { return (static_cast<Service*>(target)->*Handler)(exchange); };
  return {method, pattern, handle, &service};
}

class Router {
 public:
  explicit Router(std::span<const Route> routes);

  enum class Outcome : uint8_t { found, not_found, method_not_allowed };
  struct Match {
    Outcome outcome;
    const Route* route;  // null unless found
  };
  // Sets the request's parameters when found. HEAD finds the route of GET where it has none of its own.
  Match match(http::Request& request) const;
  // "GET, HEAD, POST": the methods this path knows.
  void write_allowed(const http::Request& request, core::TextBuffer& out) const;

 private:
  struct Compiled {
    Route route;
    std::array<std::string_view, http::Request::segments_max> segments;
    uint32_t parameters;  // bit n: segment n is a parameter
    bool is_parameter(uint32_t at) const { return (parameters >> at & 1) != 0; }
  };
  std::span<const Compiled> candidates(const http::Request& request) const;
  static bool matches(const Compiled& route, const http::Request& request);
  static Compiled compile(const Route& route, uint32_t& segment_count);

  std::vector<Compiled> routes_;                                    // by number of segments
  std::array<uint32_t, http::Request::segments_max + 2> begins_{};  // of each number of segments in routes_
};

}  // namespace net
