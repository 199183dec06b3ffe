// cluster_world.h: instances and clients over a Cluster of three servers, run from a seed: requests over
// several slots, slots that move, servers that another takes the place of. What must hold is checked after
// every event:
//
//     never above     what clients are granted fits one ideal bucket a key, but for the time that
//                     answers take; after a failover up to what was lost
//     all or nothing  of a request either all is granted or nothing
//     once            what was charged is granted or given back, never both, never twice
//     given back      what was charged and not granted is given back, if nothing fails, but for what
//                     time refills
//     each once       every ask is answered once, within its deadline
//     bounded         no more asks are outstanding than the setting allows
#pragma once

#include <cstdint>
#include <string>

namespace sluice::sim {

struct ClusterPlan {
  std::uint64_t seed = 1;
  double seconds = 3;  ///< Of virtual time; then the faults end and all must be well soon.
  bool faults = true;
  bool moves = false;                 ///< Slots move from server to server.
  bool failovers = false;             ///< A replica that lags takes over.
  bool alone = false;                 ///< One instance.
  bool plant_twice = false;           ///< What is given back is given back twice.
  bool plant_no_evaporation = false;  ///< What time has refilled is given back all the same.
  bool plant_no_floors = false;
};

struct ClusterOutcome {
  std::string violation;  ///< Empty: all held.
  std::uint64_t requests = 0, granted = 0, refused = 0, degraded = 0;
  std::uint64_t spread = 0, given_back = 0, lost = 0, again = 0;
};

ClusterOutcome run(const ClusterPlan& plan);

}  // namespace sluice::sim
