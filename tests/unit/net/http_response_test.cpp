#include "net/wire/http_response.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

std::string rendered(const net::http::ResponseHead& head, std::string_view body) {
  std::string out(net::http::response_bytes_max(head, body), '?');
  auto end = net::http::render(head, body, out.data());
  auto size = static_cast<std::size_t>(end - out.data());
  CHECK(size <= out.size());
  return out.substr(0, size);
}

}  // namespace

TEST_CASE("an answer carries its length, its type and what else it was given, in one piece") {
  net::http::ResponseHead head;
  head.status = net::Status::created;
  head.date = "Date: x\r\n";
  head.content_type = "application/json";
  head.request_id = "r-1";
  head.more_headers = "ETag: \"1\"\r\n";
  head.close = true;
  CHECK(rendered(head, "{}") ==
        "HTTP/1.1 201 Created\r\nDate: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        "X-Request-Id: r-1\r\nETag: \"1\"\r\nConnection: close\r\n\r\n{}");
}

TEST_CASE("204 and 304 have neither body nor length, or the next answer would be read as their body") {
  for (auto status : {net::Status::no_content, net::Status::not_modified}) {
    net::http::ResponseHead head;
    head.status = status;
    head.content_type = "application/json";
    auto text = rendered(head, "body");
    CHECK(text.find("Content-") == std::string::npos);
    CHECK(text.ends_with("\r\n\r\n"));
  }
}

TEST_CASE("the answer to HEAD tells the length and holds no body") {
  net::http::ResponseHead head;
  head.head_only = true;
  auto text = rendered(head, "12345");
  CHECK(text.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(text.ends_with("\r\n\r\n"));
}

TEST_CASE("the date is of its second, across midnight and leap days") {
  net::http::DateField date;
  CHECK(date.at(0) == "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
  CHECK(date.at(951'782'399'999) == "Date: Mon, 28 Feb 2000 23:59:59 GMT\r\n");
  CHECK(date.at(951'782'400'000) == "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n");
  CHECK(date.at(1'795'158'000'000) == "Date: Fri, 20 Nov 2026 07:00:00 GMT\r\n");
  CHECK(date.at(1'795'158'000'999) == "Date: Fri, 20 Nov 2026 07:00:00 GMT\r\n");
}
