// world.h: instances, clients and one server, run from a seed; what must hold is checked after every event.
//
//     never above     what the server grants fits one ideal bucket a key, by the server's clock; after a
//                     failover up to what nobody was told of, with several instances up to what was lost
//     no free grant   what clients were told to be granted by the bucket was charged there before
//     once            what was charged was told, or belongs to a call of unknown outcome, once
//     charged back    what was granted without the store is charged there in the end, once
//     each once       every ask is answered once, within its deadline
//     true memory     what is refused from memory the bucket refuses too
//     truly granted   of leased limits: what clients were granted, each at the server's time of its
//                     decision, fits one ideal bucket a key; after a failover up to what was lost
//     bounded         no more asks are outstanding than the setting allows
#pragma once

#include <cstdint>
#include <string>

namespace sluice::sim {

struct Plan {
  std::uint64_t seed = 1;
  double seconds = 5;  ///< Of virtual time; then the faults end and all must be well soon.
  bool faults = true;
  bool failovers = false;  ///< A replica that lags takes over, at times: the latest writes are lost.
  bool alone = false;      ///< One instance.
  bool leased = false;     ///< The limits are leased, and each instance's clock drifts.
  bool plant_no_evaporation = false;  ///< Leases are spent as if no time passed.
  bool plant_wild_clocks = false;     ///< Clocks drift beyond the bound.
  bool plant_no_floors = false;       ///< What was told is not offered to the new server.
  bool plant_repeat = false;          ///< A lost call is repeated.
  bool plant_forgotten_ids = false;   ///< What is charged back is not known to have been.
  bool plant_forgetful =
      false;  ///< The server loses what it knew: "restarted empty" without anybody being told.
};

struct Outcome {
  std::string violation;  ///< Empty: all held.
  std::uint64_t asks = 0, granted = 0, refused = 0, remembered = 0, leased = 0, degraded = 0;
  std::uint64_t repaid = 0, calls = 0, cuts = 0, events = 0;
};

Outcome run(const Plan& plan);

}  // namespace sluice::sim
