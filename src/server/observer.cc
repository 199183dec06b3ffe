#include "server/observer.h"

#include <pthread.h>

#include "server/log.h"
#include "server/snapshot_file.h"

namespace sluice::server {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr Duration kLookEvery = std::chrono::milliseconds(50);  // kSamplesADrain is made for it.

}  // namespace

Observer::Observer(observe::Metrics& metrics, const Config& config)
    : metrics_(metrics),
      config_(config),
      seen_(config.top_keys == 0
                ? nullptr
                : std::make_unique<observe::Seen>(
                      observe::SeenOptions{.keys = static_cast<std::size_t>(config.top_keys)},
                      config.store != "local")) {}

Status Observer::open() {
  if (config_.history.empty()) return Done{};
  const auto seconds = [](Duration d) { return std::chrono::ceil<std::chrono::seconds>(d).count(); };
  auto opened = observe::History::open(
      config_.history, {.keep = {seconds(config_.history_seconds), seconds(config_.history_minutes),
                                 seconds(config_.history_hours)},
                        .bytes_max = config_.history_max.count,
                        .tell = [](bool trouble, const std::string& message) {
                          log(trouble ? Level::error : Level::info, message);
                        }});
  if (!opened) return opened.error();
  history_ = std::move(*opened);
  return Done{};
}

void Observer::begin() {
  if (seen_ == nullptr && history_ == nullptr) return;
  if (history_) reader_.begin(*history_);
  second_ = moment_now().wall_ns / kSecond;
  thread_ = std::thread([this] { work(); });
  ::pthread_setname_np(thread_.native_handle(), "sluice-observer");
}

void Observer::end() {
  if (!thread_.joinable()) return;
  reader_.end();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  take_samples(moment_now().wall_ns);
  if (history_) history_->record(metrics_.limits(), second_);
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
  take_samples(now);
  if (!history_ || now / kSecond == second_) return;
  history_->record(metrics_.limits(), second_);
  second_ = now / kSecond;
}

void Observer::take_samples(std::int64_t now) {
  if (!seen_) return;
  std::uint64_t lost = 0;
  for (observe::DoorMetrics& door : metrics_.doors()) {
    door.samples()->drain([&](const observe::Sample& s) { seen_->take(s, now); });
    lost += door.samples()->lost();
  }
  seen_->lost(lost);
}

}  // namespace sluice::server
