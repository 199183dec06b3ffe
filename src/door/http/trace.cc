// What traces tell of requests over HTTP.
#include <algorithm>

#include "door/http/batch.h"
#include "door/http/routes.h"

namespace sluice::door::http {

namespace {

observe::TraceParent parent_of(const wire::HttpRequest& request) {
  observe::TraceField parent;
  for (const auto& field : request.fields)
    if (wire::same_name(field.name, "traceparent")) parent.come(field.value);
  return parent.parent();
}

/// As the table has it: the request's own does not last.
std::string_view path_of(std::string_view path) {
  const auto it = std::ranges::find(routes(), path, &Route::path);
  return it == routes().end() ? std::string_view{} : it->path;
}

}  // namespace

void answer_traced(Call& call) {
  const auto& replies = call.batch.replies;
  BatchTraces& traces = call.batch.traces;
  const std::size_t before = replies.size();
  traces.begin(parent_of(call.request));
  answer_request(call);
  if (traces.begun() && replies.size() > before) traces.asks(replies.size(), path_of(call.target.path));
}

void HttpBatch::trace(const Reply& reply) {
  const auto index = static_cast<std::size_t>(&reply - replies.data());
  if (reply.form == Reply::Form::rls)
    return rls::trace(rls, asks, decisions, {reply.first, reply.count}, "http", index, traces);
  const auto of_reply = std::span<const Item>(items).subspan(reply.first, reply.count);
  const auto asking = [](const Item& item) { return item.named != nullptr; };
  const auto first = std::ranges::find_if(of_reply, asking);
  std::size_t from = 0, count = 0;
  if (first != of_reply.end()) {
    const auto last = std::find_if(of_reply.rbegin(), of_reply.rend(), asking);
    from = first->first;
    count = last->first + last->count - from;
  }
  const auto* const mark = traces.tells(index, std::span<const Decision>(decisions).subspan(from, count));
  if (mark == nullptr) return;
  TracedDecision all;
  for (const Item& item : of_reply) {
    if (!asking(item)) continue;
    const auto& limit = *item.named->limit;
    const auto verdict =
        policy::combine(std::span<const Decision>(decisions).subspan(item.first, item.count));
    const store::Ask& ask = asks[item.first];
    all.add({.limit = limit.name,
             .version = limits->set->source().version,
             .key = ask.key,
             .quota = &limit.quotas[verdict.decided],
             .decision = verdict.decision,
             .cost = ask.amount});
  }
  traces.tell(*mark, all, "http", from, count);
}

}  // namespace sluice::door::http
