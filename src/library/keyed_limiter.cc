#include "sluice/keyed_limiter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/verdict.h"
#include "store/local/buckets.h"
#include "store/local/local_store.h"

namespace sluice {
namespace {

static_assert(KeyedLimiter::kQuotasMax == store::kChainMax);

/// A key that is kept.
struct OwnedKey {
  explicit OwnedKey(const Key& key) : bytes(key.bytes()), is_number(key.is_number()) {}
  std::string bytes;
  bool is_number;
};

/// Room for some asks, which are written before they are read.
template <std::size_t n>
class Asks {
 public:
  void push(const store::Ask& ask) { std::construct_at(&asks_[size_++], ask); }
  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  std::span<const store::Ask> all() const { return {asks_, size_}; }

  Asks() {}
  ~Asks() {}
  Asks(const Asks&) = delete;
  Asks& operator=(const Asks&) = delete;

 private:
  static_assert(std::is_trivially_destructible_v<store::Ask>);
  union {  // Not made until pushed: that would cost more than deciding.
    store::Ask asks_[n];
  };
  std::size_t size_ = 0;
};

}  // namespace

class KeyedLimiter::Impl {
 public:
  Impl(std::vector<Quota> quotas, const KeyedLimiterOptions& options)
      : quotas_(std::move(quotas)),
        store_({.max_keys = options.max_keys, .seed = options.seed}),
        holds_(options.max_holds) {
    for (std::size_t i = 0; i < quotas_.size(); ++i) {
      strings_.emplace_back(std::to_string(i));
      numbers_.emplace_back(std::to_string(i) + "#");
    }
  }

  Decision run(Op op, std::string_view key, bool is_number, std::int64_t amount, Time now,
               Duration max_wait) {
    if (quotas_.size() == 1) {
      const store::Ask ask{key, family(is_number), quotas_.data(), amount, op, false, max_wait};
      Decision decision;
      store_.buckets().decide({&ask, 1}, {&decision, 1}, now);
      return decision;
    }
    Asks<kQuotasMax> asks;
    std::array<Decision, kQuotasMax> decisions;
    push(asks, op, key, is_number, amount, max_wait);
    const auto chain = std::span(decisions).first(asks.size());
    store_.buckets().decide(asks.all(), chain, now);
    return chain[deciding(chain)];
  }

  /// `request(i)` is the i-th one's (bytes, is a number, cost).
  template <class Request>
  void take_all(std::size_t count, Request request, std::span<Decision> out, Time now) {
    const std::size_t chain = quotas_.size();
    const std::size_t at_once = kQuotasMax / chain;
    Asks<kQuotasMax> asks;
    std::array<Decision, kQuotasMax> decisions;
    for (std::size_t first = 0; first < count; first += at_once) {
      const std::size_t n = std::min(at_once, count - first);
      asks.clear();
      for (std::size_t i = 0; i < n; ++i) {
        const auto [key, is_number, cost] = request(first + i);
        push(asks, Op::take, key, is_number, cost, Duration{0});
      }
      if (chain == 1) {
        store_.buckets().decide(asks.all(), out.subspan(first, n), now);
        continue;
      }
      store_.buckets().decide(asks.all(), std::span(decisions).first(asks.size()), now);
      for (std::size_t i = 0; i < n; ++i) {
        const auto one = std::span(decisions).subspan(i * chain, chain);
        out[first + i] = one[deciding(one)];
      }
    }
  }

  const std::vector<Quota>& quotas() const { return quotas_; }
  store::LocalStore& store() { return store_; }
  HoldBook<OwnedKey>& holds() { return holds_; }

 private:
  const store::Family* family(bool is_number) const { return is_number ? numbers_.data() : strings_.data(); }

  template <std::size_t n>
  void push(Asks<n>& asks, Op op, std::string_view key, bool is_number, std::int64_t amount,
            Duration max_wait) const {
    const store::Family* families = family(is_number);
    for (std::size_t i = 0; i < quotas_.size(); ++i)
      asks.push({key, &families[i], &quotas_[i], amount, op, i + 1 < quotas_.size(), max_wait});
  }

  const std::vector<Quota> quotas_;
  std::vector<store::Family> strings_;  // One a quota: constant after construction, as is the next.
  std::vector<store::Family> numbers_;  // Apart, so that 8 bytes of text never equal an integer.
  store::LocalStore store_;
  HoldBook<OwnedKey> holds_;
};

KeyedLimiter::KeyedLimiter(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
KeyedLimiter::KeyedLimiter(KeyedLimiter&&) noexcept = default;
KeyedLimiter& KeyedLimiter::operator=(KeyedLimiter&&) noexcept = default;
KeyedLimiter::~KeyedLimiter() = default;

Result<KeyedLimiter> KeyedLimiter::make(std::vector<Quota> quotas, const KeyedLimiterOptions& options) {
  if (quotas.empty()) return Error{Code::invalid_argument, "a limiter needs at least one quota, as in 10/s"};
  if (quotas.size() > kQuotasMax)
    return Error{Code::out_of_range, "a limiter has at most " + std::to_string(kQuotasMax) + " quotas, not " +
                                         std::to_string(quotas.size())};
  if (options.max_keys == 0) return Error{Code::invalid_argument, "max_keys must be at least 1"};
  return KeyedLimiter(std::make_unique<Impl>(std::move(quotas), options));
}

Result<KeyedLimiter> KeyedLimiter::make(std::initializer_list<std::string_view> quotas,
                                        const KeyedLimiterOptions& options) {
  std::vector<Quota> parsed;
  for (const auto text : quotas) {
    const auto quota = Quota::parse(text);
    if (!quota) return quota.error();
    parsed.push_back(*quota);
  }
  return make(std::move(parsed), options);
}

Result<KeyedLimiter> KeyedLimiter::make(std::string_view quota, const KeyedLimiterOptions& options) {
  return make({quota}, options);
}

Decision KeyedLimiter::run(Op op, const Key& key, std::int64_t amount, Time now, Duration max_wait) noexcept {
  return impl_->run(op, key.bytes(), key.is_number(), amount, now, max_wait);
}

void KeyedLimiter::take(std::span<const std::string_view> keys, std::span<Decision> decisions,
                        std::int64_t cost, Time now) noexcept {
  impl_->take_all(
      keys.size(), [&](std::size_t i) { return std::tuple(keys[i], false, cost); }, decisions, now);
}

void KeyedLimiter::take(std::span<const std::uint64_t> keys, std::span<Decision> decisions, std::int64_t cost,
                        Time now) noexcept {
  const auto request = [&](std::size_t i) {
    return std::tuple(std::string_view(reinterpret_cast<const char*>(&keys[i]), sizeof keys[i]), true, cost);
  };
  impl_->take_all(keys.size(), request, decisions, now);
}

void KeyedLimiter::take(std::span<const Request> requests, std::span<Decision> decisions, Time now) noexcept {
  const auto request = [&](std::size_t i) {
    return std::tuple(requests[i].key.bytes(), requests[i].key.is_number(), requests[i].cost);
  };
  impl_->take_all(requests.size(), request, decisions, now);
}

Result<KeyedLimiter::Held> KeyedLimiter::hold(const Key& key, std::int64_t estimate, Duration expires_after,
                                              Time now) {
  const auto left = Time::max() - std::max(now, Time{});  // No overflow: `now` may be negative.
  const Time expiry = expires_after < left ? now + expires_after : Time::max();
  // A place in the book first: what is refused for want of one was never charged.
  const auto id = impl_->holds().open(OwnedKey(key), estimate, expiry, now);
  if (!id) return id.error();
  Held held{take(key, estimate, now), *id};
  if (!held.decision.allowed()) static_cast<void>(impl_->holds().close(*id, now));
  return held;
}

Result<Decision> KeyedLimiter::settle(HoldId id, std::int64_t actual, Time now) {
  if (actual < 0)
    return Error{Code::invalid_argument,
                 "the actual cost is " + std::to_string(actual) + ", must be at least 0"};
  const auto hold = impl_->holds().close(id, now);
  if (!hold) return hold.error();
  const auto difference = hold->settle(actual);
  return impl_->run(difference.op, hold->payload.bytes, hold->payload.is_number, difference.amount, now,
                    Duration{0});
}

void KeyedLimiter::maintain(Time now) noexcept { impl_->store().maintain(now); }

KeyedLimiter::Stats KeyedLimiter::stats() const {
  const auto s = impl_->store().stats();
  return {.keys = s.keys, .bytes = s.bytes, .evictions = s.evictions, .holds = impl_->holds().size()};
}

std::span<const Quota> KeyedLimiter::quotas() const noexcept { return impl_->quotas(); }

}  // namespace sluice
