// How kind the simulated kernel and network are. Each run draws a weather of its own, so that some runs are calm but
// for one thing and others are storms. `permille` is how often out of a thousand occasions. Values.
#pragma once
#include <cstdint>

namespace simulation {

struct Weather {
  // the network
  uint32_t latency_us_max = 500;            // of a portion of bytes, of a FIN, of a reset
  uint32_t portion_bytes_max = 64 * 1024;   // that arrive at once
  uint32_t send_buffer_bytes = 256 * 1024;  // of a socket
  uint32_t receive_buffer_bytes = 256 * 1024;
  // the ring
  uint32_t work_delay_us_max = 50;        // between an event and its answer: answers of different sockets overtake
  uint32_t short_send_permille = 0;       // a send takes only a part, as when memory is short
  uint32_t multishot_ends_permille = 0;   // an answer of a multishot comes without F_MORE
  uint32_t unsure_nonempty_permille = 0;  // a multishot tries once more without knowing that there are bytes
  uint32_t interrupted_permille = 0;      // a wait ends with EINTR, or for no reason
  uint32_t submit_fails_permille = 0;     // EAGAIN: no memory for another request
  uint32_t submit_stops_permille = 0;     // only some of the entries are taken
  uint32_t busy_permille = 0;             // EBUSY while the completion queue is overflown, as kernels before 6.0
  uint32_t accept_fails_permille = 0;     // ECONNABORTED or EMFILE ends an accept
  uint32_t cancel_blind_permille = 0;     // a cancel by address finds nothing although it is there, as 6.11
  uint32_t file_update_fails_permille = 0;
  uint32_t descriptors_max = 20'000;
};

}  // namespace simulation
