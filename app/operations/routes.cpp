#include "app/operations/routes.hpp"

#include <algorithm>

#include "core/event.hpp"

namespace app::operations {

namespace {

struct Entry {
  std::string_view method, pattern;  // "*": one segment; "**": all that follow, at least one
  Action action;
  EventMove move = EventMove::warm;
};

constexpr Entry entries[] = {
    {"GET", "/livez", Action::livez},
    {"GET", "/readyz", Action::readyz},
    {"GET", "/metrics", Action::metrics},
    {"GET", "/admin/v1/events", Action::list_events},
    {"GET", "/admin/v1/events/*", Action::show_event},
    {"PUT", "/admin/v1/events/*", Action::put_event},
    {"POST", "/admin/v1/events/*/warm", Action::move_event, EventMove::warm},
    {"POST", "/admin/v1/events/*/open", Action::move_event, EventMove::open},
    {"POST", "/admin/v1/events/*/pause", Action::move_event, EventMove::pause},
    {"POST", "/admin/v1/events/*/resume", Action::move_event, EventMove::resume},
    {"POST", "/admin/v1/events/*/close", Action::move_event, EventMove::close},
    {"PATCH", "/admin/v1/events/*/admission", Action::later},
    {"POST", "/admin/v1/events/*/reconcile", Action::later},
    {"GET", "/admin/v1/events/*/audit", Action::later},
    {"POST", "/admin/v1/orders/*/cancel", Action::later},
    {"GET", "/admin/v1/blocks/**", Action::later},
    {"PUT", "/admin/v1/blocks/**", Action::later},
    {"DELETE", "/admin/v1/blocks/**", Action::later},
    {"GET", "/admin/v1/dead-letters", Action::later},
    {"POST", "/admin/v1/dead-letters/*/replay", Action::later},
};

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// Takes "/segment" from the front.
std::string_view take_segment(std::string_view& path) {
  const auto end = std::min(path.find('/', 1), path.size());
  const auto segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

struct Match {
  bool matches = false;
  std::string_view parameter;  // what stood for "*"
};

Match match(std::string_view pattern, std::string_view path) {
  Match found;
  while (!pattern.empty() && path.starts_with('/')) {
    const auto wanted = take_segment(pattern), segment = take_segment(path);
    if (segment.empty()) return {};
    if (wanted == "**") return {true, {}};
    if (wanted == "*") {
      found.parameter = segment;
    } else if (wanted != segment) {
      return {};
    }
  }
  found.matches = pattern.empty() && path.empty();
  return found;
}

bool is_method(std::string_view method, const Entry& entry) {
  return method == entry.method || (method == "HEAD" && entry.method == "GET");
}

Call call_of(const Entry& entry, std::string_view parameter) {
  const bool of_event = entry.pattern.starts_with("/admin/v1/events/*");
  Call call{entry.action, {}, entry.move, {}};
  if (!of_event) return call;
  if (!core::valid_id(parameter)) call.action = Action::bad_event;
  call.event = parameter;
  return call;
}

}  // namespace

bool is_admin(std::string_view target) {
  const auto path = path_of(target);
  return path == "/admin" || path.starts_with("/admin/");
}

Call call_of(std::string_view method, std::string_view target) {
  Call other;  // what it is when no entry has both the path and the method
  for (const auto& entry : entries) {
    const auto [matches, parameter] = match(entry.pattern, path_of(target));
    if (!matches) continue;
    if (is_method(method, entry)) return call_of(entry, parameter);
    other.action = Action::wrong_method;
    other.allow.append(other.allow.empty() ? "" : ", ").append(entry.method == "GET" ? "GET, HEAD" : entry.method);
  }
  return other;
}

}  // namespace app::operations
