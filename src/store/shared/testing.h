// testing.h: random asks over a few buckets, for tests that compare two ways to decide them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "store/once.h"
#include "store/store.h"

namespace sluice::store {

class RandomAsks {
 public:
  explicit RandomAsks(unsigned seed) : random_(seed) {
    static constexpr const char* kQuotas[] = {
        "10/s",     "7/min burst 3", "1/day",    "1000000000/s burst 2000000000", "3/7s burst 20",
        "999983/s", "5/h burst 100", "1/400day", "1000003/17min burst 10000000",  "10MB/s burst 50MB",
        "13/11ns"};
    for (int i = 0; i < 3; ++i) {
      quotas_.push_back(*Quota::parse(kQuotas[below(std::size(kQuotas))]));
      families_.emplace_back("limit" + std::to_string(i));
    }
    for (std::size_t k = 0; k < std::size(keys_); ++k)
      for (const char* id : {"r1", "r2", "a longer one"}) id_keys_[k].push_back(once_key(keys_[k], id));
  }

  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  /// One ask, or two or three that stand or fall together; refunds with and without an id. Valid as long as
  /// this.
  std::vector<Ask> next() {
    static constexpr Op kOps[] = {Op::take,       Op::take,    Op::take,   Op::take,   Op::peek,
                                  Op::take_up_to, Op::reserve, Op::charge, Op::refund, Op::reset};
    const Op op = kOps[below(std::size(kOps))];
    const std::size_t n = below(4) == 0 ? 2 + below(2) : 1;
    const std::size_t key = below(3);
    std::vector<Ask> asks;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t q = n == 1 ? below(3) : i;
      const auto cap = quotas_[q].capacity();
      const std::int64_t amount =
          below(12) == 0  ? cap + 1
          : below(3) == 0 ? 1 + static_cast<std::int64_t>(
                                    below(static_cast<std::size_t>(std::min<std::int64_t>(cap, 1'000'000))))
                          : static_cast<std::int64_t>(below(3));
      asks.push_back({.key = keys_[key],
                      .family = &families_[q],
                      .quota = &quotas_[q],
                      .amount = amount,
                      .op = op,
                      .with_next = i + 1 < n,
                      .max_wait = std::chrono::milliseconds(below(5000))});
    }
    if (op == Op::refund && below(2) == 0) {
      asks.back().with_next = true;
      asks.push_back({.key = id_keys_[key][below(3)], .family = &ids_, .quota = &once_quota()});
    }
    return asks;
  }

 private:
  std::mt19937 random_;
  std::vector<Quota> quotas_;
  std::deque<Family> families_;
  const std::string keys_[3] = {"alice", "bob}x", std::string("\0\xFF", 2)};
  std::vector<std::string> id_keys_[3];
  Family ids_ = Family::of_ids("limit0", OnFailure::local);
};

}  // namespace sluice::store
