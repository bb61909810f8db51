#include "net/inbox.hpp"

#include <cstring>
#include <new>

#include "core/assert.hpp"

namespace net {

Inbox* Inbox::create(BufferPool& pool, std::size_t room) {
  auto block = pool.acquire(sizeof(Inbox) + room + slack_bytes);
  return block ? new (block.data) Inbox{block.capacity} : nullptr;
}

void Inbox::destroy(BufferPool& pool, Inbox* inbox) {
  if (inbox == nullptr) return;
  pool.release({reinterpret_cast<char*>(inbox), inbox->block_bytes_});
}

void Inbox::put(std::string_view bytes) {
  ONSALE_ASSERT(bytes.size() <= capacity() - end_);
  std::memcpy(data() + end_, bytes.data(), bytes.size());
  end_ += static_cast<uint32_t>(bytes.size());
}

Inbox* Inbox::append(BufferPool& pool, Inbox* inbox, std::string_view bytes) {
  if (inbox == nullptr) {
    auto* fresh = create(pool, bytes.size());
    if (fresh != nullptr) fresh->put(bytes);
    return fresh;
  }
  if (!inbox->may_take(bytes)) return nullptr;
  auto size = inbox->size() + bytes.size();
  if (size > inbox->capacity()) {
    auto* larger = create(pool, size);
    if (larger == nullptr) return nullptr;
    larger->reader = inbox->reader;
    larger->put(inbox->bytes());
    destroy(pool, inbox);
    inbox = larger;
  } else if (bytes.size() > inbox->capacity() - inbox->end_) {
    std::memmove(inbox->data(), inbox->data() + inbox->begin_, inbox->size());
    inbox->end_ -= inbox->begin_;
    inbox->begin_ = 0;
  }
  inbox->put(bytes);
  return inbox;
}

}  // namespace net
