// loop.h: one thread's event loop: an Asio io_context, out of sight. Boost.Asio is heavy to compile; only
// src/net/*.cc sees it.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "net/pressure.h"
#include "sluice/time.h"

namespace sluice::net {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs handlers on the calling thread until stop().
  void run();
  /// From any thread. Handlers that are still queued are dropped, unless the loop is run again after
  /// restart().
  void stop();
  void restart();
  /// Runs `work` soon on the loop's thread. From any thread.
  void post(std::function<void()> work);

  // From here on: before run(), or on the loop's own thread.

  /// Calls `work` every `period`, until the loop ends.
  void every(Duration period, std::function<void()> work);
  /// Calls `work` once, after `delay`.
  void after(Duration delay, std::function<void()> work);
  /// Calls `work(signal)` for each of these signals that the process gets. On one loop of a process only.
  void on_signal(std::initializer_list<int> signals, std::function<void(int)> work);
  /// Calls `work` whenever `fd` is readable, until the loop ends. Does not own `fd`.
  void on_readable(int fd, std::function<void()> work);
  /// Probes how long what is ready waits for its turn, ten times a second and, while that is long, without a
  /// pause; from `shed_after` on the loop's connections shed (pressure.h). 0: never.
  void probe(Duration shed_after);
  Pressure& pressure();
  const Pressure& pressure() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
