// Real files and a real store.
#include "server/snapshots.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "server/log.h"

namespace sluice::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Ignore final : store::Completion {
  void decided() override {}
};

class SnapshotsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "sluice-snapshots-" + std::to_string(::getpid());
    fs::create_directories(folder_);
    path_ = folder_ + "/buckets";
    set_log_level(Level::off);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Decision take(store::LocalStore& store, std::string_view key, std::int64_t amount) {
    const std::array<store::Ask, 1> ask{
        {{.key = key, .family = &family_, .quota = &quota_, .amount = amount}}};
    std::array<Decision, 1> decision;
    store::Batch batch{ask, decision, Clock::now()};
    Ignore done;
    store.decide(batch, done);
    return decision[0];
  }
  std::string read() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(std::string_view bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  std::string folder_, path_;
  const Quota quota_ = *Quota::parse("10/day");
  const store::Family family_{"test"};
};

TEST_F(SnapshotsTest, ARestartGivesNobodyAFreshBurst) {
  store::LocalStore before({}), after({});
  EXPECT_TRUE(take(before, "k", 10).allowed());
  ASSERT_TRUE(save_snapshot(before, path_));
  const auto loaded = load_snapshot(after, path_);
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->found);
  EXPECT_EQ(loaded->totals.buckets, 1U);
  EXPECT_LT(loaded->age, 10min);
  EXPECT_FALSE(take(after, "k", 1).allowed());
  EXPECT_TRUE(take(after, "other", 1).allowed());
}

TEST_F(SnapshotsTest, TheFileIsNobodyElsesAndNothingIsLeftBesideIt) {
  store::LocalStore store({});
  ASSERT_TRUE(save_snapshot(store, path_));
  ASSERT_TRUE(check_snapshot_place(path_));
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(SnapshotsTest, WithoutAFileAllBucketsAreFull) {
  store::LocalStore store({});
  const auto loaded = load_snapshot(store, path_);
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->found);
  EXPECT_TRUE(loaded->set_aside.empty());
}

TEST_F(SnapshotsTest, ABadFileIsSetAsideWholeAndNothingOfItComesIn) {
  store::LocalStore before({});
  for (int i = 0; i < 10'000; ++i) take(before, "k" + std::to_string(i), 10);
  ASSERT_TRUE(save_snapshot(before, path_));
  const std::string good = read();
  std::string last_flipped = good;
  last_flipped.back() = static_cast<char>(last_flipped.back() ^ 1);  // Seen only after all buckets were read.
  int n = 0;
  for (const std::string& bad : {last_flipped, good.substr(0, good.size() / 2), std::string(), good + "x",
                                 std::string("limits: {}\n")}) {
    write(bad);
    store::LocalStore store({});
    const auto loaded = load_snapshot(store, path_);
    ASSERT_TRUE(loaded);
    const std::string aside = path_ + ".damaged-" + std::to_string(++n);
    EXPECT_NE(loaded->set_aside.find(aside), std::string::npos) << loaded->set_aside;
    EXPECT_FALSE(fs::exists(path_));
    fs::rename(aside, path_);
    EXPECT_EQ(read(), bad);
    fs::copy_file(path_, aside);  // So the next one gets a name of its own.
    EXPECT_EQ(store.stats().keys, 0U);
    EXPECT_TRUE(take(store, "k1", 10).allowed());
  }
}

TEST_F(SnapshotsTest, AFailedSaveLeavesTheOldFileAndSaysWhy) {
  store::LocalStore store({});
  take(store, "k", 10);
  ASSERT_TRUE(save_snapshot(store, path_));
  const std::string good = read();
  fs::create_directory(path_ + ".tmp");  // Not even root can write a file there.
  const auto failed = save_snapshot(store, path_);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message.rfind("cannot write the snapshot " + path_ + ".tmp: Is a directory; ", 0),
            0U)
      << failed.error().message;
  EXPECT_EQ(read(), good);
  Snapshots snapshots(store, path_, 0s);
  EXPECT_FALSE(snapshots.restore());  // Known at the start, not after ten seconds.
}

TEST_F(SnapshotsTest, WhatCannotBeReadIsAnErrorAndStaysWhereItIs) {
  fs::create_directory(path_);
  store::LocalStore store({});
  EXPECT_FALSE(load_snapshot(store, path_));
  EXPECT_TRUE(fs::is_directory(path_));
}

TEST_F(SnapshotsTest, SavesWhileServingAndAtTheEnd) {
  store::LocalStore store({});
  Snapshots snapshots(store, path_, 1ms);
  ASSERT_TRUE(snapshots.restore());
  snapshots.begin();
  take(store, "k", 10);
  const auto saved = snapshots.numbers().saved.load();
  for (int i = 0; i < 20'000 && snapshots.numbers().saved < saved + 2; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(snapshots.numbers().buckets, 1U);
  store::LocalStore killed({});  // As after kill -9: the file is whole at any moment.
  ASSERT_TRUE(load_snapshot(killed, path_));
  EXPECT_FALSE(take(killed, "k", 1).allowed());
  take(store, "last", 10);
  snapshots.end();
  store::LocalStore drained({});
  ASSERT_TRUE(load_snapshot(drained, path_));
  EXPECT_FALSE(take(drained, "last", 1).allowed());
  EXPECT_EQ(snapshots.numbers().failed, 0U);
}

TEST_F(SnapshotsTest, TheMachineTellsWhichStartItIs) {
  const auto first = moment_now(), second = moment_now();
  EXPECT_EQ(first.boot_id, second.boot_id);
  EXPECT_LE(first.boot_ns, second.boot_ns);
  EXPECT_GT(first.wall_ns, 1'700'000'000'000'000'000);
}

}  // namespace
}  // namespace sluice::server
