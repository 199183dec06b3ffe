// history.h: how many decisions each limit made, by outcome, in each second, minute and hour, in one SQLite
// file.
//
//     auto history = History::open("history.db", {});
//     history->record(metrics.limits(), second);      // One thread, once a second: totals since the start.
//     auto json = history->query({.limit = "api", .from = t0, .to = t1, .step = 60});     // Any thread.
//
// A second's counts go into all three resolutions in one transaction, so sums agree: what is in the seconds
// of an hour is in its minutes and in itself. What cannot be written now (a full disk, a locked file) is not
// lost but written with the next second that can be. A process that is killed loses the second it was in; a
// machine that loses its power, the last ones. Bounded by age for each resolution, and in all by bytes:
// beyond them the oldest seconds go first.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "observe/metrics.h"
#include "sluice/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::observe {

inline constexpr std::array<std::int64_t, 3> kHistorySteps = {1, 60, 3600};  ///< Seconds.
inline constexpr std::size_t kHistoryPointsMax = 20'000;                     ///< Of one answer.

struct HistoryOptions {
  std::array<std::int64_t, 3> keep = {7'200, 14 * 86'400, 730 * 86'400};  ///< Seconds, by kHistorySteps.
  std::int64_t bytes_max = 100'000'000;
  Duration query_time = std::chrono::seconds(10);                           ///< Of one query, at most.
  std::function<void(bool trouble, const std::string& message)> tell = {};  ///< For the log.
};

struct HistoryQuery {
  std::string limit;  ///< Empty: all.
  std::optional<Outcome> outcome;
  std::int64_t from = 0, to = 0;  ///< Seconds since 1970: from <= t < to.
  std::int64_t step = 1;          ///< One of kHistorySteps.
};

class History {
 public:
  /// A damaged file is set aside, and that is told; one that is no history of ours is an error.
  static Result<std::unique_ptr<History>> open(const std::string& path, HistoryOptions options);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// What has come since the last time, as of this second. One thread. False: it could not be written yet.
  bool record(const std::map<std::string, Outcomes, std::less<>>& totals, std::int64_t second);

  /// JSON. out_of_range: more than kHistoryPointsMax points. As slow as the disk, and query_time at most
  /// (history_reader.h).
  Result<std::string> query(const HistoryQuery& query);

  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }  ///< Writes. Any thread.

 private:
  struct Close {
    void operator()(sqlite3* db) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  using Db = std::unique_ptr<sqlite3, Close>;
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;

  History(std::string path, HistoryOptions options) : path_(std::move(path)), options_(std::move(options)) {}
  Status open();
  Status open_writer();
  Result<std::string> read(const HistoryQuery& query);
  int write(const std::map<std::string, Outcomes, std::less<>>& totals, std::int64_t second);
  int series(std::string_view limit, std::size_t outcome, std::int64_t& id);
  int prune(std::int64_t second);
  void make_room();
  void set_aside();
  void failed(int code);
  Statement prepare(sqlite3* db, std::string_view sql);

  const std::string path_;
  const HistoryOptions options_;
  Db writer_;
  Statement add_, name_, find_;
  std::map<std::string, Outcomes, std::less<>> written_;  // The totals that are in the file.
  std::map<std::pair<std::string, std::size_t>, std::int64_t> ids_;
  std::int64_t pruned_ = 0;
  bool failing_ = false;
  std::atomic<std::uint64_t> failed_{0};
  std::mutex mutex_;  // Guards the reader.
  Db reader_;
};

}  // namespace sluice::observe
