// local_store.h: buckets in this process's memory. Always decides before decide() returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "store/store.h"

namespace sluice::store {

struct LocalOptions {
  std::size_t max_keys = 10'000'000;  ///< Buckets that can be away from full at one time.
};

struct LocalStats {
  std::uint64_t keys = 0;       ///< Buckets held now.
  std::uint64_t capacity = 0;   ///< Buckets there is room for without growing.
  std::uint64_t bytes = 0;      ///< Memory of the table.
  std::uint64_t evictions = 0;  ///< Buckets that were not full and whose slot another key took over.
};

class LocalStore final : public Store {
 public:
  explicit LocalStore(LocalOptions options);
  ~LocalStore() override;

  void decide(Batch& batch, Completion& done) override;
  LocalStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::store
