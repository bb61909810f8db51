#include "net/buffer_pool.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/inbox.hpp"

TEST_CASE("a released block is used again, so a warm pool asks the system for nothing") {
  net::BufferPool pool{1 << 20};
  auto first = pool.acquire(5000);
  REQUIRE(first);
  CHECK(first.capacity >= 5000);
  pool.release(first);
  auto second = pool.acquire(6000);
  CHECK(second.data == first.data);
  CHECK(pool.bytes_held().value() == second.capacity);
  pool.release(second);
  CHECK(pool.bytes_used().value() == 0);
}

TEST_CASE("at its limit the pool says no, and yes again when something came back") {
  net::BufferPool pool{2 * 4096};
  auto a = pool.acquire(1), b = pool.acquire(4096);
  REQUIRE(a);
  REQUIRE(b);
  CHECK_FALSE(pool.acquire(1));
  pool.release(a);
  auto c = pool.acquire(1);
  CHECK(c);
  pool.release(b);
  pool.release(c);
}

TEST_CASE("what a thousand slow readers needed goes back to the system when they are gone") {
  net::BufferPool pool{std::size_t{1} << 30};
  std::vector<net::BufferPool::Block> blocks;
  for (int reader = 0; reader < 1000; ++reader) blocks.push_back(pool.acquire(200'000));
  CHECK(pool.bytes_held().value() == 1000 * 256 * 1024);
  for (const auto block : blocks) pool.release(block);
  CHECK(pool.bytes_held().value() == net::BufferPool::free_bytes_max);
}

TEST_CASE("what is larger than the largest block is refused") {
  net::BufferPool pool{std::size_t{1} << 40};
  CHECK_FALSE(pool.acquire(net::BufferPool::block_bytes_max + 1));
}

TEST_CASE("an inbox keeps bytes in order while it grows and while its front is taken") {
  net::BufferPool pool{1 << 22};
  net::Inbox* inbox = nullptr;
  std::string expected, sent;
  char next = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string piece(static_cast<std::size_t>(round * 7 % 300 + 1), next++);
    inbox = net::Inbox::append(pool, inbox, piece);
    REQUIRE(inbox != nullptr);
    expected += piece;
    auto taken = expected.size() * static_cast<std::size_t>(round % 3) / 4;
    inbox->discard(taken);
    expected.erase(0, taken);
    REQUIRE(inbox->bytes() == expected);
  }
  net::Inbox::destroy(pool, inbox);
  CHECK(pool.bytes_used().value() == 0);
}

TEST_CASE("an inbox that would pass its limit, or the pool's, stays as it was") {
  net::BufferPool pool{1 << 22};
  auto* inbox = net::Inbox::append(pool, nullptr, "abc");
  CHECK(net::Inbox::append(pool, inbox, std::string(net::Inbox::bytes_max, 'x')) == nullptr);
  CHECK(inbox->bytes() == "abc");
  net::Inbox::destroy(pool, inbox);
  net::BufferPool small{4096};
  auto* only = net::Inbox::append(small, nullptr, "abc");
  REQUIRE(only != nullptr);
  CHECK(net::Inbox::append(small, only, std::string(5000, 'x')) == nullptr);
  CHECK(only->bytes() == "abc");
  net::Inbox::destroy(small, only);
}
