// explore.h: every order in which two instances, one bucket and its server can act, for a few steps of time:
// the rule of leases (store/shared/lease.h, the code itself) and that of floors (told.h), checked in all of
// them.
//
// An instance asks for tokens ahead, or for one token now; the call may be lost, run late, and its reply be
// lost or come late. It spends what it holds at any time. The server's latest writes reach its replica at any
// time; once, the replica takes over, and each instance hears of that at any time.
//
// Checked in every state: what was granted fits one ideal bucket; after the failover up to what it lost.
#pragma once

#include <cstdint>
#include <string>

#include "store/shared/lease.h"

namespace sluice::sim {

struct Exploration {
  struct Plan {
    int steps = 5;  ///< Of time, half an interval each.
    int capacity = 3;
    bool failover = false;
    bool floors = true;       ///< What was told is offered to the new server.
    bool evaporation = true;  ///< Else planted: leases are spent as if no time passed.
    bool lost_counts =
        true;  ///< The bound allows for what the failover lost. Else planted: too tight a bound.
  };
  std::string violation;  ///< Empty, or what was done, one after the other.
  std::uint64_t states = 0;
};

Exploration explore(const Exploration::Plan& plan);

}  // namespace sluice::sim
