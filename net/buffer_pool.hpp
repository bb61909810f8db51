// Send buffers and inboxes of one core: blocks of six sizes, kept on free lists between uses, so that a warm core
// allocates nothing and an idle connection owns nothing.
//
//   4 KiB   16 KiB   64 KiB   256 KiB   1 MiB   4 MiB
//
// The pool has a limit for all blocks together; beyond it acquire() gives an empty block, which is an answer
// (the connection that asked is cut). Free blocks have a limit of their own: what a bad minute needed goes back to the
// system. Ownership: whoever acquired a block releases it; the pool frees the memory.
// Thread: one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "net/counter.hpp"

namespace net {

class BufferPool {
 public:
  struct Block {
    char* data = nullptr;
    uint32_t capacity = 0;  // bytes
    explicit operator bool() const { return data != nullptr; }
  };
  static constexpr std::size_t block_bytes_max = 4 * 1024 * 1024;
  static constexpr std::size_t free_bytes_max = 32 * 1024 * 1024;  // 2000 connections' answers of 16 KiB

  explicit BufferPool(std::size_t bytes_max) : bytes_max_{bytes_max} {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // At least `size` bytes; empty when the pool's limit is reached or `size` is over block_bytes_max.
  Block acquire(std::size_t size);
  void release(Block block);
  const Counter& bytes_used() const { return bytes_used_; }  // in acquired blocks
  const Counter& bytes_held() const { return bytes_held_; }  // with those on the free lists

 private:
  static constexpr uint32_t classes = 6;
  static constexpr std::size_t smallest_bytes = 4096;
  static constexpr std::size_t class_bytes(uint32_t index) { return smallest_bytes << (2 * index); }
  static uint32_t class_of(std::size_t size);
  struct Free {
    Free* next;
  };

  std::array<Free*, classes> free_{};
  std::size_t bytes_max_;
  Counter bytes_used_, bytes_held_;
};

}  // namespace net
