#include "observe/history_reader.h"

#include <pthread.h>

namespace sluice::observe {

void HistoryReader::begin(History& history) {
  {
    const std::lock_guard lock(mutex_);
    runs_ = true;
  }
  thread_ = std::thread([this, &history] { work(history); });
  ::pthread_setname_np(thread_.native_handle(), "sluice-history");
}

bool HistoryReader::ask(HistoryQuery query, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!runs_ || queue_.size() >= kHistoryQueriesMax) return false;
    queue_.emplace_back(std::move(query), std::move(done));
  }
  wake_.notify_one();
  return true;
}

void HistoryReader::work(History& history) {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !runs_ || !queue_.empty(); });
    if (!runs_) return;
    const auto [query, done] = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    done(history.query(query));
    lock.lock();
  }
}

void HistoryReader::end() {
  {
    const std::lock_guard lock(mutex_);
    runs_ = false;
    queue_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sluice::observe
