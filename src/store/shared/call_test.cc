// A call's answers are those of the asks one by one.
#include "store/shared/call.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "model_server.h"
#include "store/chain.h"
#include "store/local/local_store.h"
#include "store/shared/script.h"

namespace sluice::store {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000'000;

struct Done final : Completion {
  void decided() override { ++times; }
  int times = 0;
};

const char* const kQuotas[] = {
    "10/s",     "7/min burst 3", "1/day",    "1000000000/s burst 2000000000", "3/7s burst 20",
    "999983/s", "5/h burst 100", "1/400day", "1000003/17min burst 10000000",  "10MB/s burst 50MB",
    "13/11ns"};

/// A run of random asks, over few keys, in calls of random length; each decision against a local bucket that
/// is asked alone, at the same time.
class OneByOne {
 public:
  explicit OneByOne(unsigned seed) : random_(seed) {
    for (int i = 0; i < 3; ++i) {
      quotas_.push_back(*Quota::parse(kQuotas[below(std::size(kQuotas))]));
      families_.emplace_back("limit" + std::to_string(i));
    }
    (void)server_.run("*3\r\n$4\r\nEVAL\r\n$" + std::to_string(kScript.size()) + "\r\n" +
                          std::string(kScript) + "\r\n$1\r\n0\r\n",
                      kNow);
  }

  void run(int calls) {
    for (int i = 0; i < calls && !testing::Test::HasFailure(); ++i) {
      now_us_ += static_cast<std::int64_t>(below(4) == 0 ? below(20'000'000) : below(3000));
      one_call();
    }
  }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  std::vector<Ask> chain() {
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
    return asks;
  }

  void one_call() {
    Call call;
    std::deque<std::pair<std::vector<Ask>, std::vector<Decision>>> asked;
    Ticket ticket;
    for (std::size_t i = 1 + below(40); i > 0; --i) {
      auto& [asks, decisions] = asked.emplace_back(chain(), std::vector<Decision>{});
      decisions.resize(asks.size());
      if (call.add({asks, decisions, &ticket})) continue;
      asked.pop_back();
      break;
    }
    std::string command;
    call.write("EVALSHA", kScriptSha, command);
    auto answer = server_.run(command, now_us_);
    std::vector<Chain> failed;
    ASSERT_TRUE(call.answer(answer.elements, failed));
    ASSERT_TRUE(failed.empty());
    for (const auto& b : call.buckets()) {
      std::string key;
      append_bucket_key(b.family->limit, b.key, b.family->quota, key);
      const auto it = server_.data().find(key);
      const auto kept = read_value(it == server_.data().end() ? "" : it->second.value, now_us_, b.rate);
      ASSERT_EQ(kept->ahead, b.ahead) << "the script and the answers differ: " << dump(asked, b);
    }
    for (auto& [asks, decisions] : asked) {
      std::vector<Decision> want(asks.size());
      Batch batch{asks, want, Time(std::chrono::microseconds(now_us_))};
      Done done;
      local_.decide(batch, done);
      for (std::size_t i = 0; i < asks.size(); ++i)
        ASSERT_EQ(decisions[i], want[i])
            << "op " << static_cast<int>(asks[i].op) << " amount " << asks[i].amount << " of "
            << asks[i].quota->text() << ", " << i << " of " << asks.size() << "; remaining "
            << decisions[i].remaining << " for " << want[i].remaining << ", reset "
            << decisions[i].reset_after.count() << " for " << want[i].reset_after.count();
    }
  }

  template <class Asked>
  static std::string dump(const Asked& asked, const Call::Bucket& b) {
    std::string out = b.family->name + " " + std::string(b.key) + ":";
    for (const auto& [asks, decisions] : asked)
      for (std::size_t i = 0; i < asks.size(); ++i)
        if (asks[i].family == b.family && asks[i].key == b.key)
          out += " op " + std::to_string(static_cast<int>(asks[i].op)) + " " +
                 std::to_string(asks[i].amount) + (asks.size() > 1 ? " chained" : "") +
                 (decisions[i].allowed() ? " ok;" : " no;");
    return out;
  }

  std::mt19937 random_;
  std::vector<Quota> quotas_;
  std::deque<Family> families_;
  const std::string keys_[3] = {"alice", "bob}x", std::string("\0\xFF", 2)};
  sim::ModelServer server_;
  LocalStore local_{{.max_keys = 1 << 12, .seed = 1}};
  std::int64_t now_us_ = kNow;
};

TEST(Call, AnswersAsIfEachAskHadGoneAlone) {
  for (unsigned seed = 1; seed <= 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    OneByOne(seed).run(60);
  }
}

}  // namespace
}  // namespace sluice::store
