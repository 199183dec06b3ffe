#include "store/shared/refusals.h"

#include <algorithm>

namespace sluice::store {

Refusals::Refusals(std::size_t entries, Duration keep, std::uint64_t seed)
    : refusals_(entries, seed), keep_(keep) {}

void Refusals::remember(const Family& family, std::string_view key, const Rate<Int128>& rate, Int128 ahead,
                        Time sent, std::uint64_t call) {
  if (!kept(rate, ahead)) return;
  kept_until_ = std::max(kept_until_, sent + keep_);
  learn(refusals_.claim(family, key), rate, ahead, sent, call);
}

void Refusals::went_on(const Family& family, std::string_view key, const Rate<Int128>& rate, Int128 ahead,
                       Time sent, std::uint64_t call) {
  if (sent >= kept_until_ || !kept(rate, ahead)) return;
  if (Refusal* const known = refusals_.find(family, key)) learn(*known, rate, ahead, sent, call);
}

bool Refusals::kept(const Rate<Int128>& rate, Int128 ahead) const {
  return keep_ > Duration{0} && ahead <= kNarrowDebtMax && rate.per_ns <= kNarrowTicksPerNsMax;
}

void Refusals::learn(Refusal& known, const Rate<Int128>& rate, Int128 ahead, Time sent,
                     std::uint64_t call) const {
  if (call < known.not_before) return;
  known.ahead = static_cast<std::int64_t>(ahead);
  known.per_ns = static_cast<std::int64_t>(rate.per_ns);
  known.sent = sent;
}

void Refusals::forget(const Family& family, std::string_view key, std::uint64_t next_call) {
  Refusal& known = refusals_.claim(family, key);
  known.ahead = 0;
  known.not_before = next_call;
}

void Refusals::ask_goes(const Ask& ask, Time now, std::uint64_t next_call) {
  if (now >= kept_until_ || ask.op == Op::peek) return;
  Refusal* const known = refusals_.find(*ask.family, ask.key);
  if (known != nullptr) known->ahead = 0, known->not_before = next_call;
}

bool Refusals::refuses(const Ask& ask, Time now, Decision& decision) const {
  if (!ask.quota->is_narrow()) return false;
  const Refusal* known = refusals_.find(*ask.family, ask.key);
  if (known == nullptr || known->ahead == 0 || now - known->sent >= keep_) return false;
  const auto& rate = ask.quota->narrow();
  if (known->per_ns != rate.per_ns) return false;  // Another quota's memory.
  const std::int64_t since = std::max<std::int64_t>((now - known->sent).count(), 0) * rate.per_ns;
  const std::int64_t ahead = std::max<std::int64_t>(known->ahead - since, 0);
  const auto s = step(rate, ask.op, ask.amount, std::min(ahead, rate.debt_max),
                      ask.op == Op::reserve ? duration_to_ticks(rate, ask.max_wait) : 0);
  if (s.outcome != Outcome::refused) return false;
  decision = decide(rate, s);
  decision.origin = Origin::remembered;
  return true;
}

}  // namespace sluice::store
