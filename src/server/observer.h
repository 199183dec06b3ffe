// observer.h: the thread that looks at what the doors did: takes their samples some times a second, and
// writes the history each second. Off the data path: the doors never wait for it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "observe/history_reader.h"
#include "observe/metrics.h"
#include "observe/seen.h"
#include "server/config.h"

namespace sluice::server {

class Observer {
 public:
  /// The metrics outlive this.
  Observer(observe::Metrics& metrics, const Config& config);
  ~Observer() { end(); }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Opens the history, if one is wished for. An error is reason not to start.
  Status open();
  /// Once all doors are there.
  void begin();
  /// Looks a last time, if it has begun.
  void end();

  /// Null: no keys are counted.
  observe::Seen* seen() { return seen_.get(); }
  /// Null: there is none.
  observe::HistoryReader* history() { return history_ ? &reader_ : nullptr; }

 private:
  void work();
  void look();
  void take_samples(std::int64_t wall_ns);

  observe::Metrics& metrics_;
  const Config& config_;
  const std::unique_ptr<observe::Seen> seen_;
  std::unique_ptr<observe::History> history_;
  observe::HistoryReader reader_;  // Of history_.
  std::int64_t second_ = 0;        // Since 1970: the one that is not yet in the history.
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace sluice::server
