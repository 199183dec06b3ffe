#include "door/traces.h"

#include <string>

namespace sluice::door {

namespace {

std::string cut(std::string_view text) { return std::string(text.substr(0, observe::kTraceTextMax)); }

}  // namespace

void BatchTraces::tell(const Mark& mark, const TracedDecision& told, std::string_view door, std::size_t first,
                       std::size_t asks) {
  observe::TracedRequest r;
  r.parent = mark.parent;
  r.sampled = mark.sampled;
  r.door = door;
  r.operation = mark.operation;
  r.began = began_;
  r.ended = mark.sampled ? ended_ : tracer_->now();
  if (mark.sampled) {
    r.matched_since = mark.matched_since;
    r.matched = mark.matched;
    r.asked = asked_;
    r.decided = decided_;
  }
  r.limit = cut(told.limit);
  r.domain = cut(told.domain);
  r.rule = cut(told.rule);
  r.version = told.version;
  if (told.quota != nullptr) r.quota = told.quota->text();
  if (!told.key.empty()) r.key = tracer_->key_text(told.key);
  r.decision = told.decision;
  r.cost = told.cost;
  r.decisions = told.decisions;
  r.refused = told.refused;
  for (const auto& [ask, call] : watched_.calls) {
    if (ask < first || ask >= first + asks || r.calls.size() >= observe::kTraceCallsMax) continue;
    if (r.calls.empty() || r.calls.back().sent != call.sent) r.calls.push_back(call);
  }
  tracer_->record(std::move(r));
}

}  // namespace sluice::door
