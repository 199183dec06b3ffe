#include "door/resp/batch.h"

namespace sluice::door {

NamedLimits::NamedLimits(std::shared_ptr<const policy::LimitSet> from) : set(std::move(from)) {
  for (const auto& limit : set->all()) {
    limits.push_back({&limit, {}});
    for (const auto& quota : limit.quotas) limits.back().quota_texts.push_back(quota.text());
  }
}

const NamedLimit* NamedLimits::find(std::string_view name) const {
  const policy::Limit* const limit = set->find(name);
  return limit == nullptr ? nullptr : &limits[static_cast<std::size_t>(limit - set->all().data())];
}

void RespBatch::answered_in_text(std::size_t begin) {
  const auto bytes = static_cast<std::uint32_t>(text.size() - begin);
  if (bytes == 0) return;
  if (Reply& last = replies.back(); last.format == nullptr)
    last.count += bytes;
  else
    replies.push_back({nullptr, nullptr, static_cast<std::uint32_t>(begin), bytes, wire::RespVersion::resp2});
}

void RespBatch::write(std::string& out) {
  const std::span<const Decision> all = decisions;
  const bool traced = traces.wanted(all);
  for (const Reply& reply : replies) {
    if (reply.format == nullptr) {
      out.append(text, reply.first, reply.count);
      continue;
    }
    const auto chain = all.subspan(reply.first, reply.count);
    wire::RespWriter writer(out, reply.version);
    reply.format(reply, chain, writer);
    if (traced) trace(reply, chain);
    if (counts.on())
      counts.count(reply.named == nullptr ? door.throttle_family().name : reply.named->limit->name,
                   asks[reply.first], policy::combine(chain),
                   reply.named != nullptr && reply.named->limit->mode == policy::Mode::shadow);
  }
  counts.report();
}

void RespBatch::trace(const Reply& reply, std::span<const Decision> chain) {
  const auto* const mark = traces.tells(static_cast<std::size_t>(&reply - replies.data()), chain);
  if (mark == nullptr) return;
  const auto verdict = policy::combine(chain);
  const store::Ask& ask = asks[reply.first];
  TracedDecision told;
  told.add({.limit = reply.named == nullptr ? door.throttle_family().name : reply.named->limit->name,
            .version = reply.named == nullptr ? std::string_view{} : limits->set->source().version,
            .key = ask.key,
            .quota = asks[reply.first + verdict.decided].quota,
            .decision = verdict.decision,
            .cost = ask.amount});
  traces.tell(*mark, told, "resp", reply.first, reply.count);
}

void RespBatch::clear() {
  clear_asks();
  replies.clear();
  text.clear();
  if (text.capacity() > door.options().output_bytes_max) text = {};
  if (!kept.empty()) kept.clear();
  quotas.next_batch();
  if (limits != nullptr) limits.reset();
}

}  // namespace sluice::door
