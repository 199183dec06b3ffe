#include "store/local/local_store.h"

#include <map>
#include <mutex>
#include <string>

namespace sluice::store {

struct LocalStore::Impl {
  struct Entry {
    Int128 tat;
    std::int64_t per_ns;
  };
  std::mutex mutex;
  std::map<std::string, Entry> buckets;

  Int128 ahead(const Ask& ask, Time now) {
    const auto it = buckets.find(ask.family->name + "/" + std::string(ask.key));
    if (it == buckets.end()) return 0;
    const Int128 ticks =
        it->second.tat - static_cast<Int128>(now.time_since_epoch().count()) * it->second.per_ns;
    if (ticks <= 0) return 0;
    const auto to = ask.quota->wide().per_ns;
    return it->second.per_ns == to ? ticks : (ticks * to + it->second.per_ns - 1) / it->second.per_ns;
  }
  void chain(std::span<const Ask> asks, std::span<Decision> out, Time now) {
    const auto run = [&](bool write, std::int64_t most) {
      bool all = true;
      for (std::size_t i = 0; i < asks.size(); ++i) {
        const Ask& ask = asks[i];
        const auto rate = ask.quota->wide();
        const auto s = step(rate, ask.op, std::min(most, ask.amount), ahead(ask, now),
                            duration_to_ticks(rate, ask.max_wait));
        out[i] = sluice::decide(rate, s);
        all &= s.outcome == Outcome::allowed;
        if (write && s.changed)
          buckets[ask.family->name + "/" + std::string(ask.key)] = {
              static_cast<Int128>(now.time_since_epoch().count()) * rate.per_ns + s.ahead,
              static_cast<std::int64_t>(rate.per_ns)};
      }
      return all;
    };
    const bool all = run(false, INT64_MAX);
    std::int64_t most = INT64_MAX;
    if (asks[0].op == Op::take_up_to)
      for (const auto& d : out) most = std::min(most, d.granted);
    if (all)
      run(true, most);
    else
      for (auto& d : out) d.granted = 0;
  }
};

LocalStore::LocalStore(LocalOptions) : impl_(std::make_unique<Impl>()) {}
LocalStore::~LocalStore() = default;

void LocalStore::decide(Batch& batch, Completion& done) {
  {
    const std::lock_guard lock(impl_->mutex);
    for (std::size_t i = 0, end; i < batch.asks.size(); i = end) {
      end = i + 1;
      while (batch.asks[end - 1].with_next) ++end;
      impl_->chain(batch.asks.subspan(i, end - i), batch.decisions.subspan(i, end - i), batch.now);
    }
  }
  done.decided();
}

LocalStats LocalStore::stats() const { return {.keys = impl_->buckets.size()}; }

}  // namespace sluice::store
