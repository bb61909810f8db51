// Every limit of the server, in one place. Units last.
#pragma once
#include <cstddef>
#include <cstdint>

namespace core::limits {

// HTTP
inline constexpr std::size_t request_line_bytes_max = 2048;
inline constexpr std::size_t headers_bytes_max = 8192;
inline constexpr std::size_t header_fields_max = 64;
inline constexpr std::size_t body_bytes_max = 16 * 1024;
inline constexpr int64_t request_ms_max = 5000;  // from the first byte of a request to its last
inline constexpr int64_t idle_ms_max = 30'000;   // keep-alive without a request
inline constexpr int64_t send_stall_ms_max = 10'000;
inline constexpr std::size_t unsent_bytes_max = 2 * 1024 * 1024;  // per connection; a slower reader is cut off
inline constexpr uint32_t exchanges_max = 4096;                   // requests in flight a core
inline constexpr std::size_t receive_buffer_bytes = 2048;
inline constexpr uint32_t receive_buffers = 2048;  // a core; power of two

// Redis
inline constexpr uint32_t pipeline_depth_max = 4096;                // commands in flight a link; power of two
inline constexpr std::size_t pipeline_bytes_max = 4 * 1024 * 1024;  // bytes that wait to be sent
inline constexpr std::size_t reply_bytes_max = 8 * 1024 * 1024;
inline constexpr uint32_t reply_depth_max = 4;
inline constexpr int64_t redis_ms_max = 1000;      // deadline of a command
inline constexpr int64_t batch_wait_ms_max = 250;  // then Redis is behind, and newcomers are refused at once
inline constexpr uint32_t batch_items_max = 64;    // users or holds a script call

// Names (the HTTP contract)
inline constexpr std::size_t user_bytes_max = 64;
inline constexpr std::size_t event_bytes_max = 64;
inline constexpr std::size_t section_bytes_max = 64;
inline constexpr std::size_t row_bytes_max = 64;
inline constexpr std::size_t seat_bytes_max = section_bytes_max + row_bytes_max + 12;
inline constexpr std::size_t reference_bytes_max = 128;
inline constexpr std::size_t idempotency_key_bytes_max = 64;
inline constexpr std::size_t token_bytes_max = 256;

// Events
inline constexpr uint32_t seats_per_user_max = 64;
inline constexpr uint32_t sections_max = 1024;
inline constexpr uint32_t seats_max = 1'000'000;
inline constexpr uint32_t events_max = 256;
inline constexpr std::size_t definition_bytes_max = 1024 * 1024;  // PUT /admin/v1/events/{event}
inline constexpr std::size_t title_bytes_max = 256;               // names of events, venues and sections
inline constexpr uint32_t seat_number_max = 1'000'000;            // printed on a seat
inline constexpr int64_t amount_max = 1'000'000'000'000;          // minor units; a basket stays exact in a double
inline constexpr uint32_t tiers_max = 16;

// Writers
inline constexpr uint32_t writer_ring_entries = 4096;  // per core and direction; power of two
inline constexpr uint32_t writer_batch_orders_max = 512;
inline constexpr int64_t confirm_ms_max = 2000;  // then 202 and the order's state tells

}  // namespace core::limits
