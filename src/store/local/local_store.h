// local_store.h: buckets in this process's memory. Decides before decide() returns; keeps no lock while it
// does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "store/store.h"

namespace sluice::store {

struct LocalOptions {
  /// Buckets that can be away from full at one time; about 27 bytes each when that many are. What happens
  /// beyond is said in table.h: memory stays, offenders stay, newcomers share.
  std::size_t max_keys = 10'000'000;
  std::optional<std::uint64_t> seed;  ///< Of the key hash; random if not given.
};

struct LocalStats {
  std::uint64_t keys = 0;       ///< Buckets held now, some of them full and not yet swept.
  std::uint64_t capacity = 0;   ///< Slots there are without growing.
  std::uint64_t bytes = 0;      ///< Address space of the table; untouched pages of it use no memory.
  std::uint64_t evictions = 0;  ///< Buckets that were not full and whose slot another key took over.
};

class Buckets;

class LocalStore final : public Store {
 public:
  explicit LocalStore(LocalOptions options);
  ~LocalStore() override;

  void decide(Batch& batch, Completion& done) override;
  /// Housekeeping: moves and sweeps up to `lines` lines of four buckets. For a timer, some ten times a
  /// second.
  void maintain(Time now, std::size_t lines = 10'000);
  LocalStats stats() const;
  Buckets& buckets() { return *buckets_; }  ///< For the snapshot.

 private:
  std::unique_ptr<Buckets> buckets_;
};

}  // namespace sluice::store
