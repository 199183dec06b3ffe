#include "sluice/hold_book.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice {
namespace {

using namespace std::chrono_literals;

Time at(Duration d) { return Time(d); }

TEST(HoldIds, AreTheCiphersPublishedVector) {
  const HoldIds ids({0x03020100, 0x0b0a0908, 0x13121110, 0x1b1a1918});
  EXPECT_EQ(ids.encrypt(0x3b7265747475432d), 0x8c6fa548454e028bu);
}

TEST(HoldIds, DifferFromOneBookToTheNext) {
  HoldIds a, b;
  EXPECT_NE(a.next(), b.next());
}

TEST(HoldId, TextIsReadBackAndNothingElseIs) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{0xabc}, UINT64_MAX}) {
    const HoldId id{value};
    EXPECT_EQ(id.text().size(), 16u);
    EXPECT_EQ(HoldId::parse(id.text()), id);
  }
  for (const auto* text :
       {"", "abc", "00000000000000000", "000000000000000G", "-000000000000001", "000000000000ABCD"})
    EXPECT_FALSE(HoldId::parse(text)) << text;
}

TEST(HoldBook, ClosesExactlyOnce) {
  HoldBook<std::string> book;
  const auto id = book.open("alice", 500, at(60s), at(0s));
  ASSERT_TRUE(id);
  EXPECT_EQ(book.size(), 1u);
  const auto hold = book.close(*id, at(59s));
  ASSERT_TRUE(hold);
  EXPECT_EQ(hold->payload, "alice");
  EXPECT_EQ(hold->estimate, 500);
  EXPECT_EQ(book.size(), 0u);
  EXPECT_EQ(book.close(*id, at(59s)).error().code, Code::not_found);
  EXPECT_EQ(book.close(HoldId{id->value ^ 1}, at(59s)).error().code, Code::not_found);
}

TEST(HoldBook, SettlesTheDifference) {
  const HoldBook<int>::Hold hold{0, 500, at(0s)};
  const struct {
    std::int64_t actual;
    Op op;
    std::int64_t amount;
  } rows[] = {{0, Op::refund, 500},
              {499, Op::refund, 1},
              {500, Op::refund, 0},
              {501, Op::charge, 1},
              {INT64_MAX, Op::charge, INT64_MAX - 500}};
  for (const auto& row : rows) {
    const auto s = hold.settle(row.actual);
    EXPECT_EQ(s.op, row.op) << row.actual;
    EXPECT_EQ(s.amount, row.amount) << row.actual;
  }
}

TEST(HoldBook, ForgetsWhatExpired) {
  HoldBook<int> book(3);
  const auto a = book.open(1, 1, at(10s), at(0s));
  const auto b = book.open(2, 1, at(20s), at(0s));
  const auto c = book.open(3, 1, at(10s), at(0s));
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ(book.open(4, 1, at(99s), at(9s)).error().code, Code::resource_exhausted);
  EXPECT_TRUE(book.open(4, 1, at(99s), at(10s)));  // Two have expired and made room.
  EXPECT_EQ(book.size(), 2u);
  EXPECT_FALSE(book.close(*a, at(10s)));
  EXPECT_FALSE(book.close(*c, at(10s)));
  EXPECT_TRUE(book.close(*b, at(19s)));
}

TEST(HoldBook, AMillionForgottenOnesLeakNothing) {
  HoldBook<std::string> book(1000);
  for (int i = 0; i < 1'000'000; ++i)
    ASSERT_TRUE(book.open("key", 1, at(Duration(i + 1000)), at(Duration(i)))) << i;
  EXPECT_LE(book.size(), 1000u);
}

TEST(HoldBook, OfManyThatCloseOneSucceeds) {
  HoldBook<int> book;
  std::vector<HoldId> ids;
  for (int i = 0; i < 10'000; ++i) ids.push_back(*book.open(i, 1, at(1h), at(0s)));
  std::atomic<int> closed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (const auto id : ids) closed += book.close(id, at(1s)) ? 1 : 0;
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(closed, 10'000);
}

}  // namespace
}  // namespace sluice
