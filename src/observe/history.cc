#include "observe/history.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdio>

#include "core/decision_names.h"
#include "wire/json_writer.h"

namespace sluice::observe {

namespace {

constexpr int kApplication = 0x536c6368;  // "Slch", in the file's head.
constexpr std::int64_t kPage = 4096;
constexpr std::int64_t kPruneEvery = 60;
constexpr int kStepsALook = 1000;  // Of SQLite's machine, between two looks at the clock.

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, name TEXT NOT NULL, outcome INTEGER NOT NULL,"
    " UNIQUE(name, outcome));"
    "CREATE TABLE IF NOT EXISTS counts(step INTEGER, series INTEGER, t INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY(step, series, t)) WITHOUT ROWID;";

bool damaged(int code) { return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB; }

int run(sqlite3* db, const char* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr); }

std::int64_t number(sqlite3* db, const char* sql) {
  std::int64_t value = 0;
  const auto take = [](void* to, int, char** text, char**) {
    *static_cast<std::int64_t*>(to) = text[0] == nullptr ? 0 : std::atoll(text[0]);
    return 0;
  };
  sqlite3_exec(db, sql, take, &value, nullptr);
  return value;
}

// Not called bind: for a std::string std::bind would be found, and fit better.
void put(sqlite3_stmt* s, int at, std::int64_t value) { sqlite3_bind_int64(s, at, value); }
void put(sqlite3_stmt* s, int at, std::string_view text) {
  sqlite3_bind_text(s, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
/// Runs a statement that gives no row.
int done(sqlite3_stmt* s) {
  const int code = sqlite3_step(s);
  sqlite3_reset(s);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

}  // namespace

void History::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void History::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
History::~History() = default;

History::Statement History::prepare(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  return Statement(statement);
}

Result<std::unique_ptr<History>> History::open(const std::string& path, HistoryOptions options) {
  std::unique_ptr<History> history(new History(path, std::move(options)));
  if (auto status = history->open(); !status) return status.error();
  return history;
}

Status History::open() {
  auto status = open_writer();
  if (!status && status.error().code == Code::data_loss) {
    set_aside();
    status = open_writer();
  }
  return status;
}

Status History::open_writer() {
  add_.reset(), name_.reset(), find_.reset();
  ids_.clear();
  sqlite3* db = nullptr;
  int code = sqlite3_open_v2(path_.c_str(), &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  writer_.reset(db);
  const auto error = [&](Code kind) {
    return Error{kind, "history " + path_ + ": " + sqlite3_errmsg(writer_.get())};
  };
  if (code != SQLITE_OK) return error(Code::unavailable);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 200);
  code = run(db, "PRAGMA cache_size=-1024");
  if (code == SQLITE_OK) code = run(db, "SELECT count(*) FROM sqlite_master");  // Reads the head, at last.
  if (damaged(code)) return error(Code::data_loss);
  if (code != SQLITE_OK) return error(Code::unavailable);
  if (number(db, "PRAGMA application_id") != kApplication &&
      number(db, "SELECT count(*) FROM sqlite_master") != 0)
    return Error{Code::invalid_argument,
                 "history " + path_ + ": is a database of another program; name a file of its own"};
  run(db, "PRAGMA page_size=4096");
  run(db, ("PRAGMA application_id=" + std::to_string(kApplication)).c_str());
  code = run(db, "PRAGMA journal_mode=WAL");
  // In a WAL, `normal` is safe against the death of the process; without power the last seconds may be lost.
  run(db, "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=4194304; PRAGMA wal_autocheckpoint=500");
  run(db, ("PRAGMA max_page_count=" + std::to_string(std::max<std::int64_t>(options_.bytes_max / kPage, 16)))
              .c_str());
  if (code == SQLITE_OK) code = run(db, kSchema);
  if (damaged(code)) return error(Code::data_loss);
  if (code != SQLITE_OK) return error(Code::unavailable);
  add_ = prepare(db, "INSERT INTO counts VALUES(?1,?2,?3,?4) ON CONFLICT DO UPDATE SET n=n+excluded.n");
  name_ = prepare(db, "INSERT INTO series(name,outcome) VALUES(?1,?2)");
  find_ = prepare(db, "SELECT id FROM series WHERE name=?1 AND outcome=?2");
  if (!add_ || !name_ || !find_) return error(Code::data_loss);
  const std::lock_guard lock(mutex_);
  reader_.reset();
  if (sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, nullptr) !=
      SQLITE_OK) {
    sqlite3_close_v2(db);
    return Error{Code::unavailable, "history " + path_ + ": cannot be opened to be read"};
  }
  reader_.reset(db);
  sqlite3_busy_timeout(db, 50);
  run(db, "PRAGMA cache_size=-1024");
  return Done{};
}

/// A damaged file makes place for a new one, and stays for who wants to look at it.
void History::set_aside() {
  {
    const std::lock_guard lock(mutex_);
    reader_.reset();
  }
  add_.reset(), name_.reset(), find_.reset(), writer_.reset();
  const std::string aside = path_ + ".damaged";
  std::rename(path_.c_str(), aside.c_str());
  std::remove((path_ + "-wal").c_str());
  std::remove((path_ + "-shm").c_str());
  if (options_.tell)
    options_.tell(true, "history " + path_ + " is damaged: it is now " + aside + ", and a new one is begun");
}

int History::series(std::string_view limit, std::size_t outcome, std::int64_t& id) {
  const std::pair key(std::string(limit), outcome);
  if (const auto it = ids_.find(key); it != ids_.end()) {
    id = it->second;
    return SQLITE_OK;
  }
  put(find_.get(), 1, limit);
  put(find_.get(), 2, static_cast<std::int64_t>(outcome));
  int code = sqlite3_step(find_.get());
  if (code == SQLITE_ROW) id = sqlite3_column_int64(find_.get(), 0);
  sqlite3_reset(find_.get());
  if (code == SQLITE_DONE) {
    put(name_.get(), 1, limit);
    put(name_.get(), 2, static_cast<std::int64_t>(outcome));
    code = done(name_.get());
    if (code != SQLITE_OK) return code;
    id = sqlite3_last_insert_rowid(writer_.get());
  } else if (code != SQLITE_ROW) {
    return code;
  }
  ids_.emplace(key, id);
  return SQLITE_OK;
}

int History::write(const std::map<std::string, Outcomes, std::less<>>& totals, std::int64_t second) {
  for (const auto& [limit, all] : totals) {
    const auto it = written_.find(limit);
    for (std::size_t outcome = 0; outcome < all.size(); ++outcome) {
      const std::uint64_t n = all[outcome] - (it == written_.end() ? 0 : it->second[outcome]);
      if (n == 0) continue;
      std::int64_t id = 0;
      if (const int code = series(limit, outcome, id); code != SQLITE_OK) return code;
      for (const std::int64_t step : kHistorySteps) {
        put(add_.get(), 1, step);
        put(add_.get(), 2, id);
        put(add_.get(), 3, second - second % step);
        put(add_.get(), 4, static_cast<std::int64_t>(n));
        if (const int code = done(add_.get()); code != SQLITE_OK) return code;
      }
    }
  }
  return second >= pruned_ + kPruneEvery || second < pruned_ ? prune(second) : SQLITE_OK;
}

int History::prune(std::int64_t second) {
  pruned_ = second;
  const auto forget = prepare(
      writer_.get(), "DELETE FROM counts WHERE step=?1 AND series IN (SELECT id FROM series) AND t<?2");
  if (!forget) return sqlite3_errcode(writer_.get());
  for (std::size_t i = 0; i < kHistorySteps.size(); ++i) {
    put(forget.get(), 1, kHistorySteps[i]);
    put(forget.get(), 2, second - options_.keep[i]);
    if (const int code = done(forget.get()); code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

bool History::record(const std::map<std::string, Outcomes, std::less<>>& totals, std::int64_t second) {
  int code = writer_ ? run(writer_.get(), "BEGIN IMMEDIATE") : SQLITE_CANTOPEN;
  if (code == SQLITE_OK) {
    code = write(totals, second);
    if (code == SQLITE_OK) code = run(writer_.get(), "COMMIT");
    if (code != SQLITE_OK) {
      run(writer_.get(), "ROLLBACK");
      ids_.clear();  // Names that were new went with it.
    }
  }
  if (code != SQLITE_OK) {
    failed(code);
    return false;
  }
  written_ = totals;
  if (failing_ && options_.tell)
    options_.tell(false, "history " + path_ + " is written again, with all of what waited");
  failing_ = false;
  return true;
}

void History::failed(int code) {
  failed_.fetch_add(1, std::memory_order_relaxed);
  if (writer_ && (code & 0xff) == SQLITE_FULL &&
      number(writer_.get(), "PRAGMA page_count") >= number(writer_.get(), "PRAGMA max_page_count") - 8)
    return make_room();
  if (!failing_ && options_.tell)
    options_.tell(true, "history " + path_ + " cannot be written: " + sqlite3_errstr(code) +
                            "; decisions go on, and their counts wait");
  failing_ = true;
  if (damaged(code)) set_aside();
  if (damaged(code) || !writer_) static_cast<void>(open_writer());
}

/// At history_max: a quarter of the finest resolution that there is goes, the oldest first.
void History::make_room() {
  for (const std::int64_t step : kHistorySteps) {
    const std::string of = " FROM counts WHERE step=" + std::to_string(step);
    const auto oldest = number(writer_.get(), ("SELECT min(t)" + of).c_str());
    const auto latest = number(writer_.get(), ("SELECT max(t)" + of).c_str());
    if (latest <= oldest) continue;
    const auto until = oldest + std::max<std::int64_t>((latest - oldest) / 4, step);
    run(writer_.get(), ("DELETE" + of + " AND t<" + std::to_string(until)).c_str());
    if (options_.tell)
      options_.tell(true, "history " + path_ + " has reached history_max: its oldest counts by " +
                              (step == 1    ? "second"
                               : step == 60 ? "minute"
                                            : "hour") +
                              " are dropped");
    return;
  }
}

Result<std::string> History::query(const HistoryQuery& q) {
  const std::lock_guard lock(mutex_);
  if (!reader_) return Error{Code::unavailable, "the history cannot be read now; the log says why"};
  Time until = Clock::now() + options_.query_time;
  sqlite3_progress_handler(
      reader_.get(), kStepsALook, [](void* end) { return Clock::now() >= *static_cast<Time*>(end) ? 1 : 0; },
      &until);
  auto told = read(q);
  sqlite3_progress_handler(reader_.get(), 0, nullptr, nullptr);
  return told;
}

Result<std::string> History::read(const HistoryQuery& q) {
  const auto names =
      prepare(reader_.get(),
              "SELECT id,name,outcome FROM series WHERE (?1='' OR name=?1) AND (?2<0 OR outcome=?2)"
              " ORDER BY name,outcome");
  const auto points = prepare(
      reader_.get(), "SELECT t,n FROM counts WHERE step=?1 AND series=?2 AND t>=?3 AND t<?4 ORDER BY t");
  if (!names || !points)
    return Error{Code::unavailable,
                 std::string("the history cannot be read: ") + sqlite3_errmsg(reader_.get())};
  put(names.get(), 1, q.limit);
  put(names.get(), 2, q.outcome ? static_cast<std::int64_t>(*q.outcome) : -1);
  put(points.get(), 1, q.step);
  put(points.get(), 3, q.from);
  put(points.get(), 4, q.to);
  std::string out = q.step == 1    ? "{\"step\":\"1s\",\"series\":["
                    : q.step == 60 ? "{\"step\":\"1m\",\"series\":["
                                   : "{\"step\":\"1h\",\"series\":[";
  std::size_t all = 0;
  bool first = true;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(names.get())) == SQLITE_ROW) {
    put(points.get(), 2, sqlite3_column_int64(names.get(), 0));
    std::string list;
    while ((code = sqlite3_step(points.get())) == SQLITE_ROW) {
      if (++all > kHistoryPointsMax)
        return Error{Code::out_of_range,
                     "from, to: more than " + std::to_string(kHistoryPointsMax) +
                         " points lie between; ask for less time, one limit, or a longer step"};
      list += list.empty() ? "[" : ",[";
      wire::json_integer(list, sqlite3_column_int64(points.get(), 0));
      list += ',';
      wire::json_integer(list, sqlite3_column_int64(points.get(), 1));
      list += ']';
    }
    sqlite3_reset(points.get());
    if (code != SQLITE_DONE) break;
    if (list.empty()) continue;
    out += first ? "{\"limit\":" : ",{\"limit\":";
    first = false;
    wire::json_string(out, reinterpret_cast<const char*>(sqlite3_column_text(names.get(), 1)));
    out += ",\"outcome\":\"";
    out += kOutcomeNames[static_cast<std::size_t>(std::clamp(sqlite3_column_int(names.get(), 2), 0, 2))];
    out += "\",\"points\":[" + list + "]}";
  }
  if (code == SQLITE_INTERRUPT)
    return Error{Code::unavailable,
                 "the history was not read in time; ask for less time, one limit, or a longer step"};
  if (code != SQLITE_DONE)
    return Error{Code::unavailable,
                 std::string("the history cannot be read: ") + sqlite3_errmsg(reader_.get())};
  return out + "]}";
}

}  // namespace sluice::observe
