// numbers.h: the numbers of /metrics that others keep than the doors: connections, the table, snapshots, the
// process.
#pragma once

#include <span>
#include <vector>

#include "net/pressure.h"
#include "observe/metrics.h"
#include "server/doors.h"
#include "server/shared_numbers.h"
#include "server/snapshots.h"

namespace sluice::server {

std::uint64_t resident_bytes();  ///< Memory in use, from /proc; 0 if that cannot be read.

struct DoorTotals {
  std::string_view door;
  NetTotals net;
  const access::Denials* denials = nullptr;  ///< Null: there are no tokens.
  std::uint64_t shed = 0;
};

/// Of all loops.
struct LoadTotals {
  std::uint64_t behind = 0;  ///< Loops, now.
  std::uint64_t times = 0;   ///< That one fell behind.
  Duration waited{0};        ///< The longest of what their last probes waited.
  std::int64_t buffered = 0;

  void add(const net::Pressure& loop);
};

/// REQUIRES: one entry a door. `shared`: null without a shared store. Reads /proc, some microseconds; on
/// kernels before 6.2 one more for each open file.
std::vector<observe::Family> numbers(std::span<const DoorTotals> doors, const store::LocalStats& table,
                                     std::size_t holds, const Snapshots& snapshots,
                                     const SharedNumbers* shared, const LoadTotals& load,
                                     const Process& process, const Config& config);

}  // namespace sluice::server
