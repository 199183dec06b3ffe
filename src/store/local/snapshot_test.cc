#include "store/local/snapshot.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "reference/sequences.h"
#include "store/local/buckets.h"

namespace sluice::store {
namespace {

using namespace std::chrono_literals;

struct Ignore final : Completion {
  void decided() override {}
};

/// A store and a few words to ask it with.
class Fixture {
 public:
  explicit Fixture(std::size_t max_keys = 1'000'000, std::uint64_t seed = 42)
      : store({.max_keys = max_keys, .seed = seed}) {}
  Decision one(std::string_view key, const Quota& quota, Op op, std::int64_t amount, Time now) {
    const std::array<Ask, 1> ask{
        {{.key = key, .family = &family, .quota = &quota, .amount = amount, .op = op}}};
    std::array<Decision, 1> decision;
    Batch batch{ask, decision, now};
    Ignore done;
    store.decide(batch, done);
    return decision[0];
  }
  Decision peek(std::string_view key, const Quota& quota, Time now) {
    return one(key, quota, Op::peek, 1, now);
  }
  std::string save(Time now, const Moment& moment = {}) {
    std::string bytes;
    const auto totals = write_snapshot(store, now, moment, [&](std::string_view part) -> Status {
      EXPECT_LE(part.size(), 150'000U);
      bytes += part;
      return Done{};
    });
    EXPECT_TRUE(totals);
    EXPECT_EQ(totals->bytes, bytes.size());
    return bytes;
  }
  Status load(std::string_view bytes, Time now, const Moment& moment = {}) {
    const SnapshotTarget target{.store = store, .now = now, .moment = moment};
    SnapshotReader reader(&target);
    if (auto status = reader.feed(bytes); !status) return status;
    return reader.finish();
  }

  LocalStore store;
  Family family{"test"};
};

Quota quota(std::string_view text) { return *Quota::parse(text); }

Status check(std::string_view bytes) {
  SnapshotReader reader;
  if (auto status = reader.feed(bytes); !status) return status;
  return reader.finish();
}

/// One bucket of each kind.
std::string small_snapshot() {
  Fixture f;
  f.one("a", quota("10/s"), Op::take, 3, Time(1s));
  f.one("b", quota("7/s"), Op::take, 7, Time(1s));
  f.one("c", quota("1/day burst 1000000000000"), Op::take, 5, Time(1s));
  return f.save(Time(1s), {.wall_ns = 1'790'000'000'000'000'000, .boot_ns = 17, .boot_id = {'x'}});
}

TEST(Snapshot, BringsEveryBucketBackAsItWas) {
  const auto seed = reference::seed_from_environment(1);
  SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
  reference::Random random(seed);
  Fixture before, after(1'000'000, 7);  // Another seed, another clock.
  const Duration clocks_differ = 3h;
  std::vector<Quota> quotas;
  std::int64_t now = 1'000'000'000;
  for (int i = 0; i < 30'000; ++i) {
    quotas.push_back(*Quota::make(reference::random_quota(random)));
    const auto amount = std::min<std::int64_t>(quotas.back().capacity(), 1 + static_cast<int>(random() % 9));
    const Op op = random() % 4 == 0 ? Op::charge : Op::take;  // Some are in debt.
    before.one("k" + std::to_string(i), quotas.back(), op, amount, Time(Duration(now)));
    now += 1000;
  }
  const Time saved(Duration(now + 50));
  const auto bytes = before.save(saved);
  ASSERT_TRUE(after.load(bytes, saved + clocks_differ));
  EXPECT_GT(after.store.stats().keys, 5'000U);
  int wide = 0;
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    wide += quotas[i].is_narrow() ? 0 : 1;
    const std::string key = "k" + std::to_string(i);
    const auto was = before.peek(key, quotas[i], saved);
    const auto is = after.peek(key, quotas[i], saved + clocks_differ);
    ASSERT_EQ(is.outcome, was.outcome) << quotas[i].text();
    ASSERT_EQ(is.remaining, was.remaining) << quotas[i].text();
    ASSERT_EQ(is.retry_after, was.retry_after) << quotas[i].text();
    ASSERT_EQ(is.reset_after, was.reset_after) << quotas[i].text();
  }
  EXPECT_GT(wide, 100);
}

TEST(Snapshot, TimeThatHasPassedRefills) {
  const Quota q = quota("10/min"), wide = quota("1/day burst 1000000000000"), brief = quota("1/s");
  const auto spend = [&](Fixture& f) {
    f.one("k", q, Op::take, 10, Time(0s));
    f.one("w", wide, Op::take, 3, Time(0s));
    f.one("b", brief, Op::take, 1, Time(0s));
  };
  Fixture saved;
  spend(saved);
  const auto bytes = saved.save(Time(0s), {.wall_ns = 1'000'000'000});
  for (const Duration passed : {Duration(0), Duration(1), Duration(5s), Duration(6s), Duration(59s),
                                Duration(60s), Duration(72h), Duration(24h * 365 * 200)}) {
    Fixture stayed, restarted;
    spend(stayed);
    ASSERT_TRUE(restarted.load(bytes, Time(9s), {.wall_ns = 1'000'000'000 + passed.count()}));
    for (const auto& [key, what] : {std::pair("k", q), std::pair("w", wide), std::pair("b", brief)}) {
      const auto was = stayed.peek(key, what, Time(passed)), is = restarted.peek(key, what, Time(9s));
      EXPECT_EQ(is.reset_after, was.reset_after) << what.text() << " after " << passed.count();
      EXPECT_EQ(is.remaining, was.remaining) << what.text() << " after " << passed.count();
    }
  }
}

TEST(Snapshot, ElapsedTimeIsNeverMadeUp) {
  const std::array<char, 16> one{'1'}, other{'2'}, unknown{};
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  constexpr auto min = std::numeric_limits<std::int64_t>::min();
  const struct {
    const char* what;
    Moment then, now;
    std::int64_t ns;
  } rows[] = {
      {"the same machine: its own count holds, however the wall clock was set",
       {1000, 5, one},
       {900'000, 12, one},
       7},
      {"the same, wall clock set back", {1000, 5, one}, {1, 12, one}, 7},
      {"started anew, or another machine", {1000, 500, one}, {1400, 3, other}, 400},
      {"not known", {1000, 500, unknown}, {1400, 600, unknown}, 400},
      {"wall clock set back", {1000, 0, unknown}, {999, 0, unknown}, 0},
      {"far back", {1000, 0, unknown}, {min, 0, unknown}, 0},
      {"at once", {1000, 5, one}, {1000, 5, one}, 0},
      {"longer than can be said", {min, 0, unknown}, {max, 0, unknown}, max},
  };
  for (const auto& row : rows) EXPECT_EQ(elapsed(row.then, row.now).count(), row.ns) << row.what;
}

TEST(Snapshot, EveryTruncationIsRefused) {
  const auto bytes = small_snapshot();
  ASSERT_TRUE(check(bytes));
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(check(bytes.substr(0, n))) << n;
  EXPECT_FALSE(check(bytes + '\0'));
}

TEST(Snapshot, EveryFlippedBitIsRefused) {
  const auto bytes = small_snapshot();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(check(damaged)) << "byte " << i << ", bit " << bit;
    }
}

TEST(Snapshot, CutInAnyWayItReadsTheSame) {
  const auto bytes = small_snapshot();
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    SnapshotReader reader;
    for (std::size_t at = 0; at < bytes.size(); at += step) ASSERT_TRUE(reader.feed(bytes.substr(at, step)));
    ASSERT_TRUE(reader.finish());
    EXPECT_EQ(reader.totals().buckets, 3U);
    EXPECT_EQ(reader.totals().bytes, bytes.size());
    EXPECT_EQ(reader.seed(), 42U);
    EXPECT_EQ(reader.moment().boot_ns, 17);
  }
}

TEST(Snapshot, SaysWhatIsWrong) {
  auto newer = small_snapshot();
  newer[8] = 2;
  EXPECT_EQ(check(newer).error().message,
            "byte 0: format 2, of another version of Sluice; this one reads format 1");
  EXPECT_EQ(check("limits: {}\n").error().message, "byte 0: this is no snapshot of Sluice");
  EXPECT_EQ(check("").error().message, "it ends too early, after 0 bytes");
  EXPECT_EQ(check(small_snapshot() + "x").error().message, "byte 170: there is more behind the end");
}

TEST(Snapshot, AnEmptyStoreIsASnapshotToo) {
  Fixture before, after;
  before.one("k", quota("1/s"), Op::take, 1, Time(0s));
  const auto bytes = before.save(Time(1s));  // Full again by now.
  EXPECT_EQ(bytes.size(), 52U + 20 + 8);
  ASSERT_TRUE(after.load(bytes, Time(1s)));
  EXPECT_EQ(after.store.stats().keys, 0U);
}

TEST(Snapshot, AFailingSinkIsTold) {
  Fixture f;
  const auto result = write_snapshot(f.store, Time(0s), {}, [](std::string_view) -> Status {
    return Error{Code::unavailable, "disk full"};
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "disk full");
}

// A bucket that moved while the snapshot was made may stand in it twice, in the table and in the annex.
TEST(Snapshot, OfABucketThatIsThereTwiceTheOneFartherFromFullHolds) {
  const Quota narrow = quota("10/h burst 1000"), wide = quota("1/day burst 1000000000000");
  for (const std::int64_t more : {1, 500}) {
    Fixture f;
    f.one("k", narrow, Op::take, more, Time(0s));
    const auto first = f.peek("k", narrow, Time(0s)).reset_after;
    const auto key = hash_key("k", f.store.buckets().seed() ^ f.family.salt);
    f.store.buckets().restore_wide(key, 1, Duration(10h).count(), 0);
    f.store.buckets().restore_wide(key, 1, Duration(7h).count(), 0);
    EXPECT_EQ(f.peek("k", wide, Time(0s)).reset_after, std::max<Duration>(first, 10h));
    EXPECT_EQ(f.peek("k", narrow, Time(0s)).reset_after, std::max<Duration>(first, 10h));
    EXPECT_EQ(f.store.stats().keys, 1U);
  }
}

// A store that may hold less than the file does: memory stays, and nobody gets more than before.
TEST(Snapshot, IntoASmallerStoreNobodyComesInFree) {
  const Quota q = quota("10/h");
  Fixture before, after(5'000);
  for (int i = 0; i < 50'000; ++i) before.one("k" + std::to_string(i), q, Op::take, 10, Time(0s));
  ASSERT_TRUE(after.load(before.save(Time(0s)), Time(0s)));
  EXPECT_LE(after.store.stats().capacity, 5'000 * 5 / 4 + 256U);
  for (int i = 0; i < 50'000; i += 7)
    ASSERT_FALSE(after.one("k" + std::to_string(i), q, Op::take, 1, Time(0s)).allowed()) << i;
}

// Threads decide, come, go and make the table grow while snapshots are made one after another: what was
// granted before a snapshot began is charged in it.
TEST(SnapshotUnderThreads, HoldsWhatWasGrantedBeforeItBegan) {
  constexpr int threads = 2, keys = 2000, snapshots = 8;
  const Quota q = quota("1000/week"), wide = quota("1/day burst 1000000000000");
  const Quota brief = quota("1000000/s burst 1");
  Fixture f(4'000'000);
  std::vector<std::atomic<std::int64_t>> granted(keys);
  std::atomic<bool> stop{false};
  std::atomic<int> newcomers{0};
  const auto work = [&](int id) {
    std::uint64_t state = static_cast<std::uint64_t>(id) + 1;
    while (!stop.load(std::memory_order_relaxed)) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      const auto k = state % keys;
      const auto& mine = k % 16 == 0 ? wide : q;
      if (f.one("k" + std::to_string(k), mine, Op::take, 1, Time(1s)).allowed()) ++granted[k];
      f.one("p" + std::to_string(state % 50'000), brief, Op::take, 1, Time(1s));
      if (newcomers < 150'000) f.one("n" + std::to_string(newcomers++), q, Op::take, 1, Time(1s));
      if (state % 64 == 0) f.store.maintain(Time(1s), 64);
    }
  };
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) workers.emplace_back(work, t);
  const auto compare = [&](bool exactly) {
    std::vector<std::int64_t> known;
    for (const auto& g : granted) known.push_back(g.load());
    Fixture copy(4'000'000, 1);
    ASSERT_TRUE(copy.load(f.save(Time(1s)), Time(1s)));
    for (std::size_t k = 0; k < keys; ++k) {
      const auto& mine = k % 16 == 0 ? wide : q;
      const auto charged = mine.capacity() - copy.peek("k" + std::to_string(k), mine, Time(1s)).remaining;
      ASSERT_GE(charged, known[k]) << k;
      if (exactly) {
        ASSERT_EQ(charged, known[k]) << k;
      }
    }
  };
  // On a busy machine the snapshots can be made before a worker has come to run.
  for (int i = 0; (i < snapshots || newcomers <= 1000) && !testing::Test::HasFatalFailure(); ++i)
    compare(false);
  stop = true;
  for (auto& w : workers) w.join();
  if (!testing::Test::HasFatalFailure()) compare(true);
  EXPECT_GT(newcomers, 1000);
}

}  // namespace
}  // namespace sluice::store
