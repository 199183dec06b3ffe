#include "store/local/local_store.h"

#include "core/random_seed.h"
#include "store/local/buckets.h"

namespace sluice::store {
LocalStore::LocalStore(LocalOptions options)
    : buckets_(std::make_unique<Buckets>(options.max_keys, options.seed ? *options.seed : random_seed())) {}
LocalStore::~LocalStore() = default;

void LocalStore::decide(Batch& batch, Completion& done) {
  buckets_->decide(batch.asks, batch.decisions, batch.now);
  done.decided();
}

void LocalStore::maintain(Time now, std::size_t lines) {
  const std::int64_t now_ns = buckets_->table.advance(now).time_since_epoch().count();
  buckets_->table.maintain(now_ns, lines);
  if (buckets_->annex.in_use()) {
    const std::lock_guard lock(buckets_->annex.mutex());
    buckets_->annex.sweep(now_ns, lines);
  }
}

LocalStats LocalStore::stats() const {
  const std::lock_guard lock(buckets_->annex.mutex());
  const Table& table = buckets_->table;
  return {.keys = table.used() + buckets_->annex.size(),
          .capacity = table.slots(),
          .bytes = table.bytes(),
          .evictions = table.evictions() + buckets_->annex.evictions()};
}

}  // namespace sluice::store
