#include "server/snapshots.h"

#include <pthread.h>

#include "server/log.h"

namespace sluice::server {

namespace {

std::string seconds_text(Duration d) {
  const auto tenths = d / std::chrono::milliseconds(100);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

Status Snapshots::restore() {
  if (!wanted()) return Done{};
  if (auto status = check_snapshot_place(path_); !status) return status;
  const auto loaded = load_snapshot(store_, path_);
  if (!loaded) return loaded.error();
  if (!loaded->set_aside.empty())
    log(Level::error, loaded->set_aside);
  else if (loaded->found)
    log(Level::info, "snapshot " + path_ + ": " + std::to_string(loaded->totals.buckets) + " buckets, " +
                         seconds_text(loaded->age) + " old");
  else
    log(Level::info, "no snapshot at " + path_ + " yet: all buckets start full");
  return Done{};
}

void Snapshots::begin() {
  if (!wanted() || every_ <= Duration(0)) return;
  thread_ = std::thread([this] { work(); });
  ::pthread_setname_np(thread_.native_handle(), "sluice-snapshot");
}

void Snapshots::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (wake_.wait_for(lock, every_, [this] { return stopping_; })) return;
    lock.unlock();
    save();
    lock.lock();
  }
}

void Snapshots::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Snapshots::end() {
  stop();
  if (wanted()) save();
}

void Snapshots::save() {
  constexpr auto relaxed = std::memory_order_relaxed;
  const Time began = Clock::now();
  const auto totals = save_snapshot(store_, path_);
  if (!totals) {
    numbers_.failed.fetch_add(1, relaxed);
    if (!failing_) log(Level::error, totals.error().message);  // Once, not every ten seconds.
    failing_ = true;
    return;
  }
  if (failing_) log(Level::info, "snapshots are written again to " + path_);
  failing_ = false;
  numbers_.saved.fetch_add(1, relaxed);
  numbers_.buckets.store(totals->buckets, relaxed);
  numbers_.bytes.store(totals->bytes, relaxed);
  numbers_.duration_ns.store((Clock::now() - began).count(), relaxed);
  numbers_.wall_seconds.store(moment_now().wall_ns / 1'000'000'000, relaxed);
}

}  // namespace sluice::server
