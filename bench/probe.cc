// Makes so many decisions and ends: bench/instructions.sh counts the instructions of two runs and takes the
// difference.
//
//     probe bucket|single|spans|insert|parse DECISIONS
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/bucket.h"
#include "store/local/local_store.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kKeys = 4096;
constexpr std::size_t kSpan = 16;

struct Done final : store::Completion {
  void decided() override {}
};

class Store {
 public:
  Store() {
    for (std::size_t i = 0; i < kKeys; ++i)
      keys_.push_back("user:" + std::to_string(100'000'000'000'000 + i));
    asks_.fill({.family = &family_, .quota = &quota_});
    run(kKeys, kSpan);
  }
  std::size_t run(std::size_t decisions, std::size_t span) {
    std::size_t allowed = 0;
    for (std::size_t i = 0; i < decisions; i += span) {
      for (std::size_t k = 0; k < span; ++k) asks_[k].key = keys_[(i + k) % kKeys];
      allowed += decide(span);
    }
    return allowed;
  }
  std::size_t insert(std::size_t decisions) {
    std::size_t allowed = 0;
    std::array<char, 20> key{};
    for (std::size_t i = 0; i < decisions; ++i) {
      std::memcpy(key.data(), &i, sizeof i);
      asks_[0].key = {key.data(), key.size()};
      allowed += decide(1);
    }
    return allowed;
  }

 private:
  std::size_t decide(std::size_t span) {
    store::Batch batch{std::span(asks_).first(span), std::span(decisions_).first(span),
                       Time(Duration(++now_))};
    Done done;
    store_.decide(batch, done);
    std::size_t allowed = 0;
    for (std::size_t k = 0; k < span; ++k) allowed += decisions_[k].allowed() ? 1 : 0;
    return allowed;
  }

  store::LocalStore store_{{.max_keys = 1'000'000, .seed = 1}};
  const store::Family family_{"probe"};
  const Quota quota_ = *Quota::parse("1/min burst 100000");
  std::vector<std::string> keys_;
  std::array<store::Ask, kSpan> asks_;
  std::array<Decision, kSpan> decisions_;
  std::int64_t now_ = 0;
};

std::size_t bucket(std::size_t decisions) {
  Bucket bucket(*Quota::parse("1000000000/s"), Time(Duration(0)));
  std::size_t allowed = 0;
  for (std::size_t i = 0; i < decisions; ++i)
    allowed += bucket.take(1, Time(Duration(static_cast<std::int64_t>(i)))).allowed() ? 1 : 0;
  return allowed;
}

std::size_t parse(std::size_t quotas) {
  std::size_t good = 0;
  for (std::size_t i = 0; i < quotas; ++i) good += Quota::parse("600/min burst 50") ? 1 : 0;
  return good;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  if (argc != 3) return 2;
  const std::string_view what = argv[1];
  const std::size_t n = std::strtoull(argv[2], nullptr, 10);
  std::size_t done = 0;
  if (what == "bucket") done = bucket(n);
  if (what == "parse") done = parse(n);
  if (what == "single") done = Store().run(n, 1);
  if (what == "spans") done = Store().run(n, kSpan);
  if (what == "insert") done = Store().insert(n);
  return done == n ? 0 : 1;
}
