// A growing byte buffer that is used again and again: clear() keeps the room, so a warm buffer allocates nothing.
// Works as the output of core::JsonWriter. Ownership: owns its bytes; views into it die at the next change.
// Thread: one.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace core {

class TextBuffer {
 public:
  TextBuffer() = default;
  explicit TextBuffer(std::size_t capacity_bytes) { reserve(capacity_bytes); }
  TextBuffer(TextBuffer&& other) noexcept { swap(other); }
  TextBuffer& operator=(TextBuffer&& other) noexcept {
    swap(other);
    other.clear();
    return *this;
  }
  void swap(TextBuffer& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  void append(const char* bytes, std::size_t size) {
    if (size == 0) return;  // `bytes` may be null
    std::memcpy(room(size), bytes, size);
    size_ += size;
  }
  void append(std::string_view text) { append(text.data(), text.size()); }
  void push_back(char c) {
    *room(1) = c;
    ++size_;
  }

  // Room for `size` more bytes behind what is there; commit() says how many of them were written.
  char* room(std::size_t size) {
    if (capacity_ - size_ < size) reserve(std::max(size_ + size, capacity_ * 2));
    return bytes_.get() + size_;
  }
  void commit(std::size_t size) { size_ += size; }

  std::string_view view() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

 private:
  void reserve(std::size_t capacity_bytes) {
    if (capacity_bytes <= capacity_) return;
    auto grown = std::make_unique_for_overwrite<char[]>(capacity_bytes);
    if (size_ > 0) std::memcpy(grown.get(), bytes_.get(), size_);
    bytes_ = std::move(grown);
    capacity_ = capacity_bytes;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace core
