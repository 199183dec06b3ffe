// history_reader.h: asks the history on a thread of its own: a long range, a slow disk and a locked file hold
// up no decision.
//
//     reader.begin(history);
//     if (!reader.ask(query, [](Result<std::string> json) { ... })) ...   // Any thread. False: too many
//     wait. reader.end();
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "observe/history.h"

namespace sluice::observe {

inline constexpr std::size_t kHistoryQueriesMax = 16;  ///< That wait.

class HistoryReader {
 public:
  /// Called on the reader's thread, once; not at all if end() comes before.
  using Done = std::function<void(Result<std::string>)>;

  HistoryReader() = default;
  ~HistoryReader() { end(); }
  HistoryReader(const HistoryReader&) = delete;
  HistoryReader& operator=(const HistoryReader&) = delete;

  /// The history outlives end().
  void begin(History& history);
  /// False: kHistoryQueriesMax wait already, or it has not begun.
  bool ask(HistoryQuery query, Done done);
  /// Answers what it is at, and nothing more.
  void end();

 private:
  void work(History& history);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<HistoryQuery, Done>> queue_;  // Guarded by mutex_, as is the next.
  bool runs_ = false;
  std::thread thread_;
};

}  // namespace sluice::observe
