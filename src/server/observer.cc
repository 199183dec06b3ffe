#include "server/observer.h"

#include <pthread.h>

#include "server/snapshot_file.h"

namespace sluice::server {

namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(50);  // kSamplesADrain is made for it.

}  // namespace

Observer::Observer(observe::Metrics& metrics, const Config& config)
    : metrics_(metrics),
      seen_(config.top_keys == 0
                ? nullptr
                : std::make_unique<observe::Seen>(
                      observe::SeenOptions{.keys = static_cast<std::size_t>(config.top_keys)},
                      config.store != "local")) {}

void Observer::begin() {
  if (seen_ == nullptr) return;
  thread_ = std::thread([this] { work(); });
  ::pthread_setname_np(thread_.native_handle(), "sluice-observer");
}

void Observer::end() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Observer::work() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void Observer::look() {
  const std::int64_t now = moment_now().wall_ns;
  std::uint64_t lost = 0;
  for (observe::DoorMetrics& door : metrics_.doors()) {
    door.samples()->drain([&](const observe::Sample& s) { seen_->take(s, now); });
    lost += door.samples()->lost();
  }
  seen_->lost(lost);
}

}  // namespace sluice::server
