// limits.h: what one connection and all of them may use, and what they have used.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "net/address_bound.h"
#include "sluice/time.h"

namespace sluice::net {

/// 0 switches a time limit off. Time limits are kept to a tenth of a second.
struct ConnectionLimits {
  Duration idle{0};                              ///< Without a request.
  Duration partial{std::chrono::seconds(30)};    ///< From the first byte of a request to its last.
  Duration handshake{std::chrono::seconds(10)};  ///< From the accept to the end of TLS's handshake.
  Duration stall{std::chrono::seconds(30)};      ///< Output waits and the peer takes none of it.
  std::size_t input_max = std::size_t{2}
                          << 20;  ///< Bytes of one request; a session's own limit should be lower.
  std::size_t output_max = std::size_t{1} << 20;  ///< Bytes of output unread above which no more is read.
};

/// The bound on what all connections of the process buffer: input beyond a connection's first 2 kB, output
/// that a peer has not taken, what sessions keep.
struct BufferBound {
  explicit BufferBound(std::int64_t most) : max(most) {}
  bool take(std::int64_t bytes) {
    if (used.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max) return true;
    give(bytes);
    return false;
  }
  void give(std::int64_t bytes) { used.fetch_sub(bytes, std::memory_order_relaxed); }

  const std::int64_t max;
  std::atomic<std::int64_t> used{0};  // relaxed: a count, nothing hangs on it.
};

/// The bounds that hold for all connections together, shared by every listener of the process.
struct Admission {
  explicit Admission(std::int64_t most, std::int64_t per_address = 0, std::int64_t buffer_bytes = INT64_MAX)
      : max(most), addresses(per_address), buffers(buffer_bytes) {}
  bool enter() {
    if (open.fetch_add(1, std::memory_order_relaxed) < max) return true;
    leave();
    return false;
  }
  void leave() { open.fetch_sub(1, std::memory_order_relaxed); }

  const std::int64_t max;
  std::atomic<std::int64_t> open{0};  // relaxed: a count, nothing hangs on it.
  AddressBound addresses;
  BufferBound buffers;
};

/// Of one listener on one loop. Written by that loop's thread alone, read by any (relaxed: sums for people).
struct NetStats {
  using Counter = std::atomic<std::uint64_t>;
  Counter open{0};               ///< Connections now.
  Counter accepted{0};           ///< Connections since the start.
  Counter refused{0};            ///< Beyond Admission::max.
  Counter refused_address{0};    ///< Beyond Admission::addresses.
  Counter accept_errors{0};      ///< Out of descriptors or memory; accepting paused for a while.
  Counter closed_idle{0};        ///< By ConnectionLimits::idle.
  Counter closed_partial{0};     ///< By ConnectionLimits::partial.
  Counter closed_stall{0};       ///< By ConnectionLimits::stall.
  Counter closed_handshake{0};   ///< By ConnectionLimits::handshake.
  Counter closed_memory{0};      ///< By Admission::buffers.
  Counter turns_yielded{0};      ///< A connection had had its share of a turn, and had more.
  Counter handshakes{0};         ///< Of TLS, done.
  Counter handshakes_failed{0};  ///< By what the peer said; neither slow ones nor those that just went.
  Counter bytes_in{0};           ///< Of requests: with TLS, before encryption and after, as is the next.
  Counter bytes_out{0};

  static void add(Counter& counter, std::uint64_t n) {  // One writer: no locked instruction needed.
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

}  // namespace sluice::net
