#include "app/pages.hpp"

#include <string_view>

namespace embedded {
extern const std::string_view wait_html;
extern const std::string_view openapi_json;
}  // namespace embedded

namespace app {

core::Async Pages::wait(net::Exchange& x) {
  // The page's own script and style are in it; it talks to this site only and may not be framed.
  x.respond(net::Status::ok, embedded::wait_html, "text/html; charset=utf-8",
            "Cache-Control: no-cache\r\n"
            "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
            "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"
            "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
  return core::Async::finished();
}

core::Async Pages::contract(net::Exchange& x) {
  // The same for everybody until the next version is installed.
  x.respond(net::Status::ok, embedded::openapi_json, "application/json",
            "Cache-Control: public, max-age=300\r\nX-Content-Type-Options: nosniff\r\n");
  return core::Async::finished();
}

}  // namespace app
