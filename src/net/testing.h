// testing.h: a loop on a thread of its own, for tests.
#pragma once

#include <future>
#include <thread>

#include "net/loop.h"

namespace sluice::net {

/// Runs `work` on the loop's thread and waits for its end.
template <class Work>
void run_on(Loop& loop, Work&& work) {
  std::promise<void> done;
  loop.post([&] { work(), done.set_value(); });
  done.get_future().wait();
}

/// For fixtures: what lives on the loop must go before this does, on the loop.
class LoopThread {
 public:
  ~LoopThread() {
    loop_.stop();
    thread_.join();
  }

 protected:
  template <class Work>
  void on_loop(Work&& work) {
    run_on(loop_, work);
  }
  Loop loop_;

 private:
  std::thread thread_{[this] { loop_.run(); }};
};

}  // namespace sluice::net
