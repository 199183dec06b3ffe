// The tracing half of the answer: what a trace tells of a request's descriptors.
#include <algorithm>
#include <string_view>

#include "door/rls/told.h"

namespace sluice::door::rls {

void trace(const Requests& requests, std::span<const store::Ask> asks, std::span<const Decision> decisions,
           const Part& part, std::string_view door, std::size_t reply, BatchTraces& traces) {
  const auto items = std::span(requests.items).subspan(part.first, part.count);
  std::size_t first = asks.size(), end = 0;
  for (const Item& item : items) {
    if (item.asks == 0) continue;
    first = std::min<std::size_t>(first, item.first);
    end = std::max<std::size_t>(end, item.first + item.asks);
  }
  const std::size_t count = end > first ? end - first : 0;
  const auto* const mark = traces.tells(reply, decisions.subspan(count == 0 ? 0 : first, count));
  if (mark == nullptr) return;
  TracedDecision all;
  Deciding deciding;
  for (std::size_t i = part.first; i < part.first + part.count; ++i) {
    const Told t = told(requests, decisions, i);
    deciding.weigh(t);
    if (!t.limited()) continue;
    ++all.decisions;
    all.refused += t.over ? 1 : 0;
  }
  if (const auto& t = deciding.told()) {
    const policy::Rule& rule = *t->match->rule;
    all.domain = rule.domain;
    all.rule = rule.full_name;
    if (const auto* const source = requests.policies->source_of(rule)) all.version = source->version;
    all.decision = t->decision();
    all.key = t->match->key(requests.keys);
    if (t->verdict) {
      all.limit = rule.limit->name;
      all.quota = &t->quota();
      all.cost = asks[t->item.first].amount;
    }
  }
  traces.tell(*mark, all, door, first, count);
}

}  // namespace sluice::door::rls
