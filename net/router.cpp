#include "net/router.hpp"

#include <bit>

#include "core/assert.hpp"

namespace net {

namespace {

// A route of GET serves HEAD; an own route of HEAD comes first in match().
bool serves(std::string_view route_method, std::string_view method) {
  return route_method == method || (method == "HEAD" && route_method == "GET");
}

}  // namespace

Router::Compiled Router::compile(const Route& route, uint32_t& segment_count) {
  ONSALE_ASSERT(route.handle != nullptr && route.pattern.starts_with('/'));
  Compiled compiled{route, {}, 0};
  segment_count = 0;
  for (auto rest = route.pattern; !rest.empty();) {
    rest.remove_prefix(1);
    auto segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    auto parameter = segment.starts_with('{') && segment.ends_with('}');
    ONSALE_ASSERT(segment_count < http::Request::segments_max);
    compiled.parameters |= (parameter ? 1u : 0u) << segment_count;
    compiled.segments[segment_count++] = segment;
  }
  ONSALE_ASSERT(std::popcount(compiled.parameters) <= static_cast<int>(http::Request::parameters_max));
  return compiled;
}

Router::Router(std::span<const Route> routes) {
  for (uint32_t count = 1; count <= http::Request::segments_max; ++count) {
    begins_[count] = static_cast<uint32_t>(routes_.size());
    for (const auto& route : routes) {
      uint32_t segments = 0;
      auto compiled = compile(route, segments);
      if (segments == count) routes_.push_back(compiled);
    }
  }
  begins_[http::Request::segments_max + 1] = static_cast<uint32_t>(routes_.size());
}

std::span<const Router::Compiled> Router::candidates(const http::Request& request) const {
  auto count = request.segment_count();
  if (count == 0 || count > http::Request::segments_max) return {};
  return {routes_.data() + begins_[count], begins_[count + 1] - begins_[count]};
}

bool Router::matches(const Compiled& compiled, const http::Request& request) {
  for (uint32_t at = 0; at < request.segment_count(); ++at) {
    auto segment = request.segment(at);
    if (compiled.is_parameter(at) ? segment.empty() : segment != compiled.segments[at]) return false;
  }
  return true;
}

Router::Match Router::match(http::Request& request) const {
  const Compiled* found = nullptr;
  auto path_known = false;
  for (const auto& each : candidates(request)) {
    if (!matches(each, request)) continue;
    path_known = true;
    if (!serves(each.route.method, request.method())) continue;
    if (found == nullptr || each.route.method == request.method()) found = &each;
    if (each.route.method == request.method()) break;
  }
  if (found == nullptr) return {path_known ? Outcome::method_not_allowed : Outcome::not_found, nullptr};
  request.clear_parameters();
  for (uint32_t at = 0; at < request.segment_count(); ++at) {
    if (found->is_parameter(at)) request.add_parameter(request.segment(at));
  }
  return {Outcome::found, &found->route};
}

void Router::write_allowed(const http::Request& request, core::TextBuffer& out) const {
  auto first = true;
  auto write = [&](std::string_view method) {
    if (!first) out.append(", ");
    out.append(method);
    first = false;
  };
  for (const auto& each : candidates(request)) {
    if (!matches(each, request)) continue;
    write(each.route.method);
    if (each.route.method == "GET") write("HEAD");
  }
}

}  // namespace net
