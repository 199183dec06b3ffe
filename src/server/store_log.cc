#include "server/store_log.h"

#include <utility>

namespace sluice::server {

namespace {

Quota lines(std::int64_t at_once) { return *Quota::make({at_once, 1, std::chrono::minutes(1)}); }

std::string others(std::uint64_t& untold, std::string_view what) {
  const auto n = std::exchange(untold, 0);
  return n == 0 ? "" : " (and " + std::to_string(n) + " " + std::string(what) + " since the last such line)";
}

}  // namespace

StoreLog::StoreLog(std::string place, Write write)
    : place_(std::move(place)), write_(std::move(write)), downs_(lines(4)), troubles_(lines(1)) {}

void StoreLog::up(std::string_view server) {
  const std::scoped_lock lock(mutex_);
  up_ = true;
  why_.clear();
  if (!std::exchange(told_up_, true))
    write_(Level::info, "store: connected to " + place_ + " at " + std::string(server));
}

void StoreLog::down(std::string_view why, Time now) {
  const std::scoped_lock lock(mutex_);
  up_ = false;
  why_ = why;
  ++untold_downs_;
  tell_down(now);
}

void StoreLog::look(Time now) {
  const std::scoped_lock lock(mutex_);
  if (!up_ && !why_.empty()) tell_down(now);
}

void StoreLog::tell_down(Time now) {
  if (!downs_.take(1, now).allowed()) return;
  --untold_downs_;  // This one.
  told_up_ = false;
  write_(Level::error, "store: " + place_ + ": " + std::exchange(why_, {}) +
                           "; until it is back, each limit's on_store_failure decides" +
                           others(untold_downs_, "other failures"));
}

void StoreLog::trouble(std::string_view what, Time now) {
  const std::scoped_lock lock(mutex_);
  if (!troubles_.take(1, now).allowed()) {
    ++untold_troubles_;
    return;
  }
  write_(Level::warning,
         "store: " + place_ + ": " + std::string(what) + others(untold_troubles_, "other failed calls"));
}

}  // namespace sluice::server
