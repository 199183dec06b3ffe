// census.h: how many Sluice processes share a store, learned from the store itself: each enters itself there
// every few seconds and counts those that did so lately. By the store's clock. While the store is away, the
// last count stands.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "net/timers.h"
#include "redis/node.h"

namespace sluice::server {

class Census final : private redis::Caller {
 public:
  static constexpr Duration kEvery = std::chrono::seconds(2);
  static constexpr Duration kForgottenAfter = std::chrono::seconds(10);
  static constexpr std::string_view kKey = "sluice:{#instances}";

  /// Begins at once. `store` is asked only while it is up, and outlives this, as does `instances`, where the
  /// count goes. `trouble` is told what an error reply says.
  Census(net::Loop& loop, redis::Node& store, std::atomic<std::int64_t>& instances,
         std::function<void(std::string_view)> trouble);

  /// Enters this process now: the store has just come up.
  void enter();

 private:
  void replied(redis::Reply reply) override;
  void lost(redis::Loss, std::string_view) override { asked_ = false; }

  redis::Node& store_;
  std::atomic<std::int64_t>& instances_;
  const std::function<void(std::string_view)> trouble_;
  const std::string command_;
  bool asked_ = false;
  net::Timers timers_;
};

}  // namespace sluice::server
