// live.h: the events of GET /v1/live: what the server has done so far, in one line of JSON.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "observe/metrics.h"
#include "policy/current.h"
#include "server/doors.h"
#include "server/numbers.h"
#include "server/shared_numbers.h"

namespace sluice::server {

struct LiveParts {
  std::int64_t wall_ns;  ///< Now, since 1970.
  const Process& process;
  const Config& config;
  const observe::Metrics& metrics;
  const policy::LimitSet& limits;  ///< In force: told even if they have decided nothing yet.
  std::span<const DoorTotals> doors;
  const store::LocalStats& table;
  const SharedNumbers* shared;  ///< Null: there is no shared store.
};
std::string live_event(const LiveParts& parts);

}  // namespace sluice::server
