#include "net/redis_address.hpp"

#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/assert.hpp"

namespace net {

SocketAddress unix_address(const std::string& path) {
  sockaddr_un made{};
  if (path.size() >= sizeof made.sun_path) return {};
  made.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), made.sun_path);
  SocketAddress address;
  std::memcpy(&address.storage, &made, sizeof made);
  address.bytes = sizeof made;
  return address;
}

NameLookup::State NameLookup::start(const std::string& host, uint16_t port) {
  ONSALE_ASSERT(state_ != State::running);
  release();
  host_ = host;
  port_ = std::to_string(port);
  hints_ = {};
  hints_.ai_socktype = SOCK_STREAM;
  hints_.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  if (getaddrinfo(host_.c_str(), port_.c_str(), &hints_, &found_) == 0) return state_ = State::found;
  hints_.ai_flags = AI_NUMERICSERV;
  request_ = {};
  request_.ar_name = host_.c_str();
  request_.ar_service = port_.c_str();
  request_.ar_request = &hints_;
  gaicb* requests[] = {&request_};
  return state_ = getaddrinfo_a(GAI_NOWAIT, requests, 1, nullptr) == 0 ? State::running : State::failed;
}

NameLookup::State NameLookup::poll() {
  if (state_ != State::running) return state_;
  const int error = gai_error(&request_);
  if (error == EAI_INPROGRESS) return state_;
  found_ = std::exchange(request_.ar_result, nullptr);
  return state_ = error == 0 && found_ != nullptr ? State::found : State::failed;
}

void NameLookup::cancel() {
  if (state_ == State::running) gai_cancel(&request_);
  const gaicb* requests[] = {&request_};
  while (poll() == State::running) gai_suspend(requests, 1, nullptr);
  release();
}

SocketAddress NameLookup::address(uint32_t attempt) const {
  ONSALE_ASSERT(state_ == State::found);
  uint32_t count = 0;
  for (const auto* one = found_; one != nullptr; one = one->ai_next) ++count;
  const auto* chosen = found_;
  for (attempt %= count; attempt > 0; --attempt) chosen = chosen->ai_next;
  SocketAddress address;
  std::memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  address.bytes = chosen->ai_addrlen;
  return address;
}

void NameLookup::release() {
  if (found_ != nullptr) freeaddrinfo(std::exchange(found_, nullptr));
  state_ = State::idle;
}

}  // namespace net
