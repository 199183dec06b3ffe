// holds.h: tokens taken on an estimate, until it is known what the request really cost. One book a server, of
// all its doors and threads.
#pragma once

#include <string>

#include "sluice/hold_book.h"

namespace sluice::door {

struct HeldTokens {
  std::string limit;  ///< Its name: the limit itself may change while the hold is open.
  std::string key;
  bool taken = true;  ///< False: a limit in shadow mode let the request pass without its tokens.
};

using Holds = HoldBook<HeldTokens>;

}  // namespace sluice::door
