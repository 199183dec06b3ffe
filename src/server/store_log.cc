#include "server/store_log.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::server {

namespace {

constexpr Duration kOneMore = std::chrono::minutes(1);

std::string others(std::uint64_t n, std::string_view what) {
  return n == 0 ? "" : " (and " + std::to_string(n) + " " + std::string(what) + " since the last such line)";
}

}  // namespace

StoreLog::StoreLog(std::string place, Write write)
    : place_(std::move(place)), write_(std::move(write)), downs_(4, kOneMore), troubles_(1, kOneMore) {}

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
  downs_.happened();
  tell_down(now);
}

void StoreLog::look(Time now) {
  const std::scoped_lock lock(mutex_);
  if (!up_ && !why_.empty()) tell_down(now);
}

void StoreLog::tell_down(Time now) {
  const auto left_out = downs_.tell(now);
  if (!left_out) return;
  told_up_ = false;
  write_(Level::error, "store: " + place_ + ": " + std::exchange(why_, {}) +
                           "; until it is back, each limit's on_store_failure decides" +
                           others(*left_out, "other failures"));
}

void StoreLog::trouble(std::string_view what, Time now) {
  const std::scoped_lock lock(mutex_);
  const auto left_out = troubles_.line(now);
  if (!left_out) return;
  write_(Level::warning,
         "store: " + place_ + ": " + std::string(what) + others(*left_out, "other failed calls"));
}

void StoreLog::decided_without(std::uint64_t requests, Time now) {
  const std::scoped_lock lock(mutex_);
  if (requests > 0 && without_ == 0) without_since_ = std::max(without_since_, now);
  without_ += requests;
  if (without_ == 0 || now - without_since_ < kOneMore) return;
  write_(Level::warning, "store: " + place_ + ": " + std::to_string(std::exchange(without_, 0)) +
                             " requests were decided without it in the last minute");
  without_since_ = now;
}

}  // namespace sluice::server
