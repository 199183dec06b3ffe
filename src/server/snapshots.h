// snapshots.h: keeps a file equal, within `every`, to the local store: restores at start, saves from a thread
// of its own while serving, and once more at the end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "server/snapshot_file.h"

namespace sluice::server {

/// Any thread; relaxed, for people.
struct SnapshotNumbers {
  std::atomic<std::uint64_t> saved{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> buckets{0};  ///< Of the last one saved, as is the rest.
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::int64_t> duration_ns{0};
  std::atomic<std::int64_t> wall_seconds{0};  ///< Since 1970; 0: none yet.
};

class Snapshots {
 public:
  /// `path` empty: none are made, and all the rest does nothing. `every` 0: only at the end. The store
  /// outlives this.
  Snapshots(store::LocalStore& store, std::string path, Duration every)
      : store_(store), path_(std::move(path)), every_(every) {}
  ~Snapshots() { stop(); }
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  /// Before anything is decided. An error is reason not to start.
  Status restore();
  /// From now on the thread saves.
  void begin();
  /// Nothing is decided any more: ends the thread and saves for the last time.
  void end();

  bool wanted() const { return !path_.empty(); }
  const SnapshotNumbers& numbers() const { return numbers_; }

 private:
  void work();
  void stop();
  void save();

  store::LocalStore& store_;
  const std::string path_;
  const Duration every_;
  SnapshotNumbers numbers_;
  bool failing_ = false;  // The last save failed and that was told. One thread at a time saves.
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace sluice::server
