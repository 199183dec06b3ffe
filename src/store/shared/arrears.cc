#include "store/shared/arrears.h"

#include <algorithm>
#include <utility>

#include "core/random_seed.h"
#include "store/once.h"

namespace sluice::store {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
/// From then on the store may have forgotten an id: to repeat its charge could charge twice.
constexpr Duration kTryFor = kOnceKept - std::chrono::minutes(1);

}  // namespace

Debt::Debt(const Ask& ask)
    : family(*ask.family),
      ids(Family::of_ids(family.limit, family.on_failure)),
      key(ask.key),
      quota(*ask.quota) {}

Arrears::Arrears() : process_(random_seed()) {}

void Arrears::note(const Ask& ask, std::int64_t granted, std::int64_t instances) {
  const std::lock_guard lock(mutex_);
  const Name name{ask.family->name, std::string(ask.key)};
  auto it = debts_.find(name);
  if (it == debts_.end()) {
    if (debts_.size() >= kDebtsMax) {
      forgotten_.fetch_add(1, relaxed);
      return;
    }
    it = debts_.emplace(name, Debt(ask)).first;
  }
  Debt& debt = it->second;
  debt.instances = owes(debt) ? std::min(debt.instances, instances) : instances;
  if (!owes(debt)) owing_.fetch_add(1, relaxed);
  debt.quota = *ask.quota;  // The latest.
  debt.later_ += granted;
  tokens_.fetch_add(granted, relaxed);
  if (!debt.asked_) queue(debt);
}

void Arrears::queue(Debt& debt) {
  if (std::exchange(debt.queued_, true)) return;
  queue_.push_back(&debt);
}

Debt* Arrears::claim(Debt& debt) {
  if (debt.asked_ || !owes(debt)) return nullptr;
  debt.asked_ = true;
  if (debt.tokens == 0) {  // A new charge.
    debt.granted += std::exchange(debt.later_, 0);
    std::uint64_t id[] = {process_, ++ids_};
    debt.id_key = once_key(debt.key, std::string_view(reinterpret_cast<const char*>(id), sizeof id));
    debt.failed_first_.reset();
  }
  return &debt;
}

Debt* Arrears::take(const Family& family, std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto it = debts_.find(Name{family.name, std::string(key)});
  return it == debts_.end() ? nullptr : claim(it->second);
}

Debt* Arrears::take_any() {
  const std::lock_guard lock(mutex_);
  while (!queue_.empty()) {
    Debt& debt = *queue_.front();
    queue_.pop_front();
    debt.queued_ = false;
    if (Debt* const claimed = claim(debt)) return claimed;
    if (!debt.asked_) debts_.erase(Name{debt.family.name, debt.key});
  }
  return nullptr;
}

void Arrears::settled(Debt& debt, bool charged, Time now) {
  const std::lock_guard lock(mutex_);
  debt.asked_ = false;
  if (!charged) {
    if (!debt.failed_first_) debt.failed_first_ = now;
    if (now - *debt.failed_first_ < kTryFor) return queue(debt);
    forgotten_.fetch_add(1, relaxed);
  }
  tokens_.fetch_sub(std::exchange(debt.granted, 0), relaxed);
  debt.tokens = 0;
  if (!owes(debt)) owing_.fetch_sub(1, relaxed);
  if (owes(debt) || debt.queued_) return queue(debt);
  debts_.erase(Name{debt.family.name, debt.key});
}

}  // namespace sluice::store
