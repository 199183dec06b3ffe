// timers.h: work for later on a loop, dropped if its owner has gone by then or wishes no more of it.
//
//     class Client { ... net::Timers timers_{loop}; };
//     timers_.after(delay, [this] { retry(); });     // Not called once the client is gone.
//
// The loop's thread only.
#pragma once

#include <memory>
#include <utility>

#include "net/loop.h"

namespace sluice::net {

class Timers {
 public:
  explicit Timers(Loop& loop) : loop_(loop) {}
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  template <class Work>
  void after(Duration delay, Work work) {
    loop_.after(delay, while_alive(std::move(work)));
  }
  template <class Work>
  void every(Duration period, Work work) {
    loop_.every(period, while_alive(std::move(work)));
  }
  /// Drops what is outstanding.
  void disarm() { alive_ = std::make_shared<char>(); }

 private:
  template <class Work>
  auto while_alive(Work work) {
    return [alive = std::weak_ptr<char>(alive_), work = std::move(work)] {
      if (!alive.expired()) work();
    };
  }

  Loop& loop_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace sluice::net
