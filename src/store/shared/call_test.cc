// A call's answers are those of the asks one by one.
#include "store/shared/call.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <set>

#include "model_server.h"
#include "store/chain.h"
#include "store/local/local_store.h"
#include "store/once.h"
#include "store/shared/script.h"
#include "store/shared/testing.h"

namespace sluice::store {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000'000;

struct Done final : Completion {
  void decided() override { ++times; }
  int times = 0;
};

/// A run of random asks, over few keys, in calls of random length; each decision against a local bucket that
/// is asked alone, at the same time.
class OneByOne {
 public:
  explicit OneByOne(unsigned seed) : random_(seed) {
    (void)server_.run("*3\r\n$4\r\nEVAL\r\n$" + std::to_string(kScript.size()) + "\r\n" +
                          std::string(kScript) + "\r\n$1\r\n0\r\n",
                      kNow);
  }

  void run(int calls) {
    for (int i = 0; i < calls && !testing::Test::HasFailure(); ++i) {
      now_us_ +=
          static_cast<std::int64_t>(random_.below(4) == 0 ? random_.below(20'000'000) : random_.below(3000));
      one_call();
    }
  }

 private:
  void one_call() {
    Call call;
    std::deque<std::pair<std::vector<Ask>, std::vector<Decision>>> asked;
    Ticket ticket;
    for (std::size_t i = 1 + random_.below(40); i > 0; --i) {
      auto& [asks, decisions] = asked.emplace_back(random_.next(), std::vector<Decision>{});
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
      append_bucket_key(*b.family, b.key, key);
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

  RandomAsks random_;
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

// Whatever lies in the store or answers in its place: the numbers of a reply are anybody's. The sanitizers
// look on.
TEST(Call, NumbersThatNobodyCouldHaveWrittenAreSurvived) {
  const double odd[] = {0,   -1,         0.5,    1,      1e300, -1e300,     HUGE_VAL,  -HUGE_VAL,
                        NAN, 0x1p53 - 1, 0x1p53, 0x1p63, kNow,  kNow + 1e9, kNow - 1e9};
  const std::int64_t times[] = {0, -1, 1, INT64_MIN, INT64_MAX, std::int64_t{1} << 53, kNow};
  RandomAsks random(7);
  for (int i = 0; i < 20'000; ++i) {
    auto asks = random.next();
    std::vector<Decision> decisions(asks.size());
    Ticket ticket;
    Call call;
    if (!call.add({asks, decisions, &ticket})) continue;
    std::vector<std::string> texts(call.buckets().size());
    std::vector<redis::Element> reply{
        {.kind = redis::Element::Kind::array, .integer = static_cast<std::int64_t>(texts.size()) + 1}};
    for (std::string& text : texts) {
      for (std::size_t n = random.below(2) == 0 ? 3 : 5; n > 0; --n) {
        const double d = odd[random.below(std::size(odd))];
        text.append(reinterpret_cast<const char*>(&d), sizeof d);
      }
      reply.push_back({.kind = redis::Element::Kind::text, .text = text});
    }
    reply.push_back(
        {.kind = redis::Element::Kind::integer, .integer = times[random.below(std::size(times))]});
    std::vector<Chain> failed;
    if (!call.answer(reply, failed) || !failed.empty()) continue;
    for (const auto& b : call.buckets()) EXPECT_GE(call.tat(b).us, 0);
    for (const Decision& d : decisions) {
      EXPECT_GE(d.remaining, 0);
      EXPECT_LE(d.remaining, d.capacity);
      EXPECT_GE(d.retry_after, Duration{0});
      EXPECT_GE(d.reset_after, Duration{0});
    }
  }
}

/// One bucket in a model server, asked one by one.
class OneBucket {
 public:
  OneBucket(const Quota& quota, std::int64_t& now_us) : quota_(quota), now_us_(now_us) {
    (void)server_.run("*3\r\n$4\r\nEVAL\r\n$" + std::to_string(kScript.size()) + "\r\n" +
                          std::string(kScript) + "\r\n$1\r\n0\r\n",
                      now_us);
  }
  Decision ask(Op op, std::int64_t amount, Part* part = nullptr) {
    Call call;
    const std::array<Ask, 1> asks{
        Ask{.key = "k", .family = &family_, .quota = &quota_, .amount = amount, .op = op}};
    std::array<Decision, 1> decisions;
    EXPECT_TRUE(call.add({asks, decisions, nullptr, part}));
    std::string command;
    call.write("EVALSHA", kScriptSha, command);
    const auto reply = server_.run(command, now_us_);
    std::vector<Chain> failed;
    EXPECT_TRUE(call.answer(reply.elements, failed));
    const auto& data = server_.data();
    const auto kept =
        read_value(data.empty() ? "" : data.begin()->second.value, now_us_, call.buckets().front().rate);
    EXPECT_EQ(kept->ahead, call.buckets().front().ahead) << "the script and the answer differ";
    return decisions.front();
  }

 private:
  const Family family_{"f"};
  const Quota& quota_;
  const std::int64_t& now_us_;
  sim::ModelServer server_;
};

// A bucket of which something was charged and given back, beside one that never heard of it: whatever the
// first grants, the second would, too.
TEST(Call, WhatIsGivenBackIsNotGrantedTwice) {
  for (unsigned seed = 1; seed <= 2000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomAsks random(seed);
    static constexpr const char* kQuotas[] = {"1000/s burst 50", "7/min burst 3", "3/7s burst 20",
                                              "999983/s burst 200"};
    const Quota quota = *Quota::parse(kQuotas[random.below(std::size(kQuotas))]);
    std::int64_t now_us = kNow;
    const auto pass = [&] {
      const auto full = static_cast<std::size_t>(
          std::max<std::int64_t>(quota.period().count() / 1000 * quota.capacity() / quota.tokens(), 1));
      now_us += static_cast<std::int64_t>(random.below(random.below(2) == 0 ? full / 8 + 1 : 2 * full));
    };
    OneBucket charged(quota, now_us), ideal(quota, now_us);
    const auto traffic = [&] {
      for (std::size_t i = random.below(6); i > 0; --i) {
        const auto amount = 1 + static_cast<std::int64_t>(random.below(3));
        if (charged.ask(Op::take, amount).allowed()) {
          ASSERT_TRUE(ideal.ask(Op::take, amount).allowed()) << "granted too much";
        }
        if (random.below(2) == 0) pass();
      }
    };
    traffic();
    std::array<Before, 1> before;
    Part part{.before = before};
    const auto amount =
        1 + static_cast<std::int64_t>(random.below(static_cast<std::size_t>(quota.capacity())));
    if (!charged.ask(Op::take, amount, &part).allowed()) continue;
    pass();
    traffic();
    part.gives_back = true;
    (void)charged.ask(Op::refund, amount, &part);
    for (int i = 0; i < 3; ++i) traffic();
  }
}

// With nobody else about it is as if nothing had been charged.
// Clients choose keys and ids.
TEST(BucketKey, NoTwoBucketsHaveOne) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 3; ++i)
    for (const char c : {'a', '}', '{', '#', '!', '1', ':'}) texts.push_back(texts[i] + c);
  Family first("l"), second("l", 1), tagged("d.r"), tagged_second("d.r", 1);
  tagged.tag = tagged_second.tag = "d";
  const Family ids = Family::of_ids("l", OnFailure::deny);
  std::set<std::string> seen;
  const auto add = [&](const Family& family, std::string_view key) {
    std::string name;
    append_bucket_key(family, key, name);
    EXPECT_TRUE(name.starts_with("sluice:"));
    EXPECT_TRUE(seen.insert(name).second) << name;
  };
  for (const auto& key : texts) {
    for (const Family* family : {&first, &second, &tagged, &tagged_second}) add(*family, key);
    if (key.size() > 2) continue;
    for (const auto& id : texts)
      if (!id.empty()) add(ids, once_key(key, id));
  }
}

TEST(Call, WhatIsGivenBackAtOnceIsAllOfIt) {
  const Quota quota = *Quota::parse("7/min burst 30");
  std::int64_t now_us = kNow;
  OneBucket bucket(quota, now_us);
  (void)bucket.ask(Op::take, 5);
  now_us += 1'000'000;
  const auto was = bucket.ask(Op::peek, 1);
  std::array<Before, 1> before;
  Part part{.before = before};
  ASSERT_TRUE(bucket.ask(Op::take, 20, &part).allowed());
  part.gives_back = true;
  (void)bucket.ask(Op::refund, 20, &part);
  EXPECT_EQ(bucket.ask(Op::peek, 1), was);
}

}  // namespace
}  // namespace sluice::store
