#include "policy/limit.h"

#include <utility>

#include "store/once.h"

namespace sluice::policy {

Limit::Limit(std::string limit_name, std::vector<Quota> limit_quotas, store::OnFailure on_store_failure,
             store::Consistency consistency)
    : name(std::move(limit_name)),
      quotas(std::move(limit_quotas)),
      ids(store::Family::of_ids(name, on_store_failure)) {
  families.reserve(quotas.size());
  for (std::size_t i = 0; i < quotas.size(); ++i)
    families.emplace_back(name, i, on_store_failure, consistency);
}

LimitSet::LimitSet(std::vector<Limit> limits) : limits_(std::move(limits)) {
  for (std::size_t i = 0; i < limits_.size(); ++i) by_name_.emplace(limits_[i].name, i);
}

const Limit* LimitSet::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &limits_[it->second];
}

void append_asks(const Limit& limit, std::string_view key, std::int64_t amount, Op op, Duration max_wait,
                 std::vector<store::Ask>& asks) {
  const std::size_t n = limit.quotas.size();
  for (std::size_t i = 0; i < n; ++i)
    asks.push_back({.key = key,
                    .family = &limit.families[i],
                    .quota = &limit.quotas[i],
                    .amount = amount,
                    .op = op,
                    .with_next = i + 1 < n,
                    .max_wait = max_wait});
}

void append_refund_once(const Limit& limit, std::string_view key, std::int64_t amount,
                        std::string_view id_key, std::vector<store::Ask>& asks) {
  append_asks(limit, key, amount, Op::refund, Duration{0}, asks);
  asks.back().with_next = true;
  asks.push_back({.key = id_key, .family = &limit.ids, .quota = &store::once_quota()});
}

}  // namespace sluice::policy
