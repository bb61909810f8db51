#include "net/wire/pipeline.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/assert.hpp"

namespace net {
namespace {

const Prepared nothing_prepared;

std::size_t rendered_bytes(std::span<const std::string_view> arguments) {
  std::size_t bytes = 0;
  for (const auto argument : arguments) bytes += resp::bulk_bytes(argument);
  return bytes;
}

}  // namespace

Prepared prepare(std::span<const std::string_view> arguments) {
  core::TextBuffer head{rendered_bytes(arguments)};
  for (const auto argument : arguments) resp::write_bulk(head, argument);
  return {std::string{head.view()}, static_cast<uint32_t>(arguments.size())};
}

Prepared prepare_script(std::string_view sha1, std::span<const std::string> keys) {
  const auto count = std::to_string(keys.size());
  std::vector<std::string_view> arguments{"EVALSHA", sha1, count};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  return prepare(arguments);
}

Pipeline::Pipeline(Settings settings, ErrorFilter filter)
    : settings_{settings},
      filter_{filter},
      receive_{std::make_unique_for_overwrite<char[]>(settings.receive_bytes)},
      receive_capacity_{settings.receive_bytes},
      scanner_{settings.reply_bytes_max},
      slots_(settings.depth_max) {
  ONSALE_ASSERT(std::has_single_bit(settings.depth_max));
  ONSALE_ASSERT(settings.receive_bytes > 0);
}

// ---------------------------------------------------------------- commands

core::Error Pipeline::append(std::span<const std::string_view> arguments, Sink sink, int64_t now_ms) {
  return append(nothing_prepared, arguments, sink, now_ms);
}

core::Error Pipeline::append(const Prepared& head, std::span<const std::string_view> arguments, Sink sink,
                             int64_t now_ms) {
  const auto parts = head.parts + arguments.size();
  if (auto error = admit(resp::header_bytes(parts) + head.head.size() + rendered_bytes(arguments));
      error != core::Error::none)
    return error;
  begin_command(head, parts);
  for (const auto argument : arguments) resp::write_bulk(filling_, argument);
  push(sink, now_ms);
  return core::Error::none;
}

core::Error Pipeline::append(const Prepared& head, std::string_view rendered, uint32_t parts, Sink sink,
                             int64_t now_ms) {
  const auto all_parts = std::size_t{head.parts} + parts;
  if (auto error = admit(resp::header_bytes(all_parts) + head.head.size() + rendered.size());
      error != core::Error::none)
    return error;
  begin_command(head, all_parts);
  filling_.append(rendered);
  push(sink, now_ms);
  return core::Error::none;
}

core::Error Pipeline::admit(std::size_t bytes) const {
  if (!open_) return core::Error::unavailable;
  if (pending() == settings_.depth_max) return core::Error::overload;
  if (bytes > settings_.unsent_bytes_max - unsent_bytes()) return core::Error::overload;
  return core::Error::none;
}

void Pipeline::begin_command(const Prepared& head, std::size_t parts) {
  ONSALE_ASSERT(parts > 0);
  resp::write_header(filling_, '*', parts);
  filling_.append(head.head);
}

void Pipeline::push(Sink sink, int64_t now_ms) {
  ONSALE_ASSERT(sink.resume != nullptr);
  slot(tail_++) = {sink, now_ms + settings_.timeout_ms};
}

// ---------------------------------------------------------------- sending

std::string_view Pipeline::begin_send() {
  ONSALE_ASSERT(!sending_now_);
  if (sent_ == sending_.size()) {
    sending_.clear();
    sent_ = 0;
    sending_.swap(filling_);
  }
  const auto bytes = sending_.view().substr(sent_);
  sending_now_ = !bytes.empty();
  return bytes;
}

void Pipeline::end_send(std::size_t sent) {
  ONSALE_ASSERT(sending_now_ && sent <= sending_.size() - sent_);
  sending_now_ = false;
  sent_ += sent;
}

// ---------------------------------------------------------------- receiving

std::span<char> Pipeline::receive_room() {
  ONSALE_ASSERT(!receiving_ && !delivering_);
  receiving_ = true;
  make_room();
  return {receive_.get() + end_, receive_capacity_ - end_};
}

// Only an incomplete reply is ever moved. The buffer doubles until that reply leaves half of it free, up to the largest
// reply allowed and as much again as it began with, so there is always room behind it.
void Pipeline::make_room() {
  const auto capacity_max = settings_.reply_bytes_max + settings_.receive_bytes;
  auto capacity = receive_capacity_;
  while (capacity < capacity_max && end_ - begin_ > capacity / 2) capacity *= 2;
  move_to(std::min(capacity, capacity_max));
  ONSALE_ASSERT(end_ < receive_capacity_);
}

void Pipeline::move_to(std::size_t capacity) {
  const auto size = end_ - begin_;
  if (capacity > receive_capacity_) {
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(grown.get(), receive_.get() + begin_, size);
    receive_ = std::move(grown);
    receive_capacity_ = capacity;
  } else if (begin_ > 0) {
    std::memmove(receive_.get(), receive_.get() + begin_, size);
  }
  begin_ = 0;
  end_ = size;
}

Pipeline::Received Pipeline::received(std::size_t size) {
  ONSALE_ASSERT(receiving_ && size <= receive_capacity_ - end_);
  receiving_ = false;
  Received result;
  if (!open_) return result;
  end_ += size;
  auto state = scanner_.scan({receive_.get() + begin_, end_ - begin_});
  for (; state == resp::Scanner::State::complete; ++result.replies) {
    if (pending() == 0) break;
    const char* reply = receive_.get() + begin_;
    begin_ += scanner_.size();
    scanner_.reset();
    deliver(reply);
    state = scanner_.scan({receive_.get() + begin_, end_ - begin_});
  }
  // Malformed, or a reply that nobody asked for.
  if (state != resp::Scanner::State::incomplete) result.error = core::Error::protocol;
  return result;
}

void Pipeline::deliver(const char* reply) {
  const auto sink = slot(head_).sink;
  expired_ = std::max(expired_, ++head_);
  if (sink.resume == nullptr) return;
  delivering_ = true;
  const resp::View view{reply};
  auto error = core::Error::none;
  if (filter_.judge != nullptr && view.kind() == resp::Kind::error) error = filter_.judge(filter_.context, view.text());
  sink.resume(sink.context, error == core::Error::none ? &view : nullptr, error);
  delivering_ = false;
}

// ---------------------------------------------------------------- giving up

uint32_t Pipeline::expire(int64_t now_ms) {
  ONSALE_ASSERT(!delivering_);
  uint32_t count = 0;
  while (expired_ != tail_ && slot(expired_).deadline_ms <= now_ms) {
    const auto sink = std::exchange(slot(expired_++).sink, Sink{});
    sink.resume(sink.context, nullptr, core::Error::timeout);
    ++count;
  }
  return count;
}

void Pipeline::fail_all(core::Error error) {
  ONSALE_ASSERT(!delivering_ && error != core::Error::none);
  open_ = false;
  while (head_ != tail_) {
    const auto sink = slot(head_).sink;
    expired_ = std::max(expired_, ++head_);
    if (sink.resume != nullptr) sink.resume(sink.context, nullptr, error);
  }
}

void Pipeline::reopen() {
  ONSALE_ASSERT(pending() == 0 && !sending_now_ && !receiving_ && !delivering_);
  filling_.clear();
  sending_.clear();
  sent_ = 0;
  begin_ = end_ = 0;
  scanner_.reset();
  open_ = true;
}

}  // namespace net
