#include "tests/simulation/worlds/visitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace simulation {
namespace {

constexpr std::string_view head_end = "\r\n\r\n";

uint64_t number_in(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::size_t content_bytes(std::string_view head) {
  constexpr std::string_view name = "Content-Length: ";
  const auto at = head.find(name);
  return at == std::string_view::npos ? 0 : number_in(head.substr(at + name.size()));
}

}  // namespace

Visitor::Visitor(Kernel& kernel, uint16_t port, Plan plan)
    : kernel_{kernel}, plan_{std::move(plan)}, request_count_{static_cast<uint32_t>(plan_.requests.size())} {
  stream_ = kernel_.connect_in(port);
  if (stream_ == nullptr) {  // nobody listens any more
    acted_ = ended_ = told_to_go_ = true;
    number_ = 0;
    return;
  }
  number_ = stream_->number;
  hold_ = Hold{*stream_};
  stream_->watch(*this);
  kernel_.note("visitor", number_, static_cast<int>(plan_.manners), request_count_);
  plan_act();
}

Visitor::~Visitor() {
  if (stream_ != nullptr) stream_->unwatch(*this);
}

std::string Visitor::describe() const {
  return fmt::format("visitor {} (manners {}, {} of {} answered)", number_, static_cast<int>(plan_.manners), answered_,
                     request_count_);
}

// ---------------------------------------------------------------- acting

void Visitor::plan_act() {
  if (acting_ || acted_ || ended_) return;
  acting_ = true;
  kernel_.agenda.in_us(kernel_.chance.between(1, plan_.pause_us_max), [this] {
    acting_ = false;
    act();
  });
}

void Visitor::act() {
  if (acted_ || ended_) return;
  last_act_ms_ = kernel_.agenda.now_ms();
  if (sending_.empty()) {
    if (plan_.requests.empty()) return misbehave();
    if (expected_.size() >= plan_.in_flight_max) return;  // an answer brings us here again
    sending_ = plan_.requests.front().bytes;
    auto& request = plan_.requests.front();
    expected_.push_back({std::move(request.answer), request.whole, kernel_.agenda.now_ms()});
    plan_.requests.pop_front();
  }
  const auto portion = kernel_.chance.between(1, plan_.portion_bytes_max);
  last_sent_ms_ = kernel_.agenda.now_ms();
  const auto sent = stream_->send(std::string_view{sending_}.substr(0, portion));
  if (sent > 0) sending_.erase(0, static_cast<std::size_t>(sent));
  if (sent < 0 && sent != -EAGAIN) return end();
  plan_act();
}

// Only the bad ones do not wait until all is answered.
void Visitor::misbehave() {
  acted_ = plan_.manners != Manners::polite && (plan_.manners != Manners::idles || served());
  switch (plan_.manners) {
    case Manners::polite:
      if (served()) end();
      break;
    case Manners::idles:
      break;
    case Manners::half_closes:
      return stream_->shut(false, true);
    case Manners::deaf:
      deaf_ = true;
      break;
    case Manners::resets:
      stream_->reset();
      return end();
    case Manners::leaves:
      return end();
    case Manners::vanishes:
      stream_->vanish();
      break;
    case Manners::dawdles:
      last_sent_ms_ = kernel_.agenda.now_ms();
      acted_ = stream_->send("GET /now/never HTTP/1.1\r\nHos") != -EAGAIN;
      if (!acted_) plan_act();  // nothing went out: it would only be idle
      break;
    case Manners::babbles:
      static_cast<void>(stream_->send("HELO example.org\r\n\r\n"));
      break;
  }
}

// ---------------------------------------------------------------- reading

void Visitor::file_changed() {
  if (reading_ || ended_ || deaf_ || !stream_->readable()) return;
  reading_ = true;
  kernel_.agenda.in_us(kernel_.chance.between(1, plan_.pause_us_max), [this] {
    reading_ = false;
    read();
  });
}

void Visitor::read() {
  if (ended_ || deaf_) return;
  char portion[8192];
  const auto size = std::min<uint32_t>(sizeof portion, plan_.portion_bytes_max);
  const auto count = stream_->receive(portion, kernel_.chance.between(1, size));
  if (count == -EAGAIN) return;
  if (count <= 0) return end();
  received_.append(portion, static_cast<std::size_t>(count));
  while (take_answer()) {
  }
  if (served() && plan_.manners == Manners::polite) return end();
  plan_act();
  file_changed();
}

// The next answer, when all of it is there.
bool Visitor::take_answer() {
  const auto head_bytes = received_.find(head_end);
  if (head_bytes == std::string::npos) return false;
  const auto head = std::string_view{received_}.substr(0, head_bytes + head_end.size());
  if (!head.starts_with("HTTP/1.1 ")) fail(describe() + " got no HTTP: " + received_.substr(0, 200));
  const auto body_bytes = content_bytes(head);
  if (received_.size() < head.size() + body_bytes) return false;
  Answer answer;
  answer.status = static_cast<int>(number_in(head.substr(9, 3)));
  answer.last = head.find("Connection: close") != std::string_view::npos;
  answer.patient = head.find("Retry-After: ") != std::string_view::npos;
  answer.body = received_.substr(head.size(), body_bytes);
  received_.erase(0, head.size() + body_bytes);
  check(answer);
  return true;
}

void Visitor::check(const Answer& answer) {
  kernel_.note("answer", number_, answer.status, answered_);
  if (answer.status == 100 && !expected_.empty()) return;  // a word before the answer
  if (answer.status == 503) refusal_ = answer.body;
  if (told_to_go_) fail(describe() + " got an answer behind the last one");
  told_to_go_ = answer.last;
  if (answer.status == 400 && acted_ && plan_.manners == Manners::babbles && expected_.empty()) return;
  if (answer.status == 503) {
    if (!answer.patient || answer.body.find("\"code\":") == std::string::npos)
      fail(describe() + " got a 503 without a reason or a time to come back");
    if (expected_.empty() && answer.last) return;  // nobody was let in
  }
  const auto good = answer.status == 200 || answer.status == 201;
  if (expected_.empty() || (expected_.size() == 1 && !sending_.empty() && good))
    fail(describe() + " got an answer to no question: " + answer.body.substr(0, 100));
  const auto& expected = expected_.front();
  const auto own =
      expected.whole ? answer.body == expected.answer : answer.body.find(expected.answer) != std::string::npos;
  if (good && !own)
    fail(fmt::format("{} got the answer of somebody else: '{:.200}' instead of '{:.60}'", describe(), answer.body,
                     expected.answer));
  if (!good && answer.status != 503)
    fail(fmt::format("{} got status {}: {:.200}", describe(), answer.status, answer.body));
  longest_wait_ms_ = std::max(longest_wait_ms_, kernel_.agenda.now_ms() - expected.asked_ms);
  expected_.pop_front();
  ++answered_;
  last_act_ms_ = kernel_.agenda.now_ms();
}

void Visitor::end() {
  kernel_.note("visitor ends", number_, answered_);
  ended_ = true;
  ended_ms_ = kernel_.agenda.now_ms();
  hold_ = Hold{};
}

}  // namespace simulation
