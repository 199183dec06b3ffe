#include "door/grpc/batch.h"

#include "door/grpc/session.h"

namespace sluice::door::grpc {

void GrpcBatch::bind_keys() {
  for (std::size_t i = 0; i < items.size(); ++i)
    for (std::size_t ask = 0; ask < items[i].asks; ++ask)
      asks[items[i].first + ask].key = matches[i].key(keys);
}

void GrpcBatch::write(std::string& out) {
  for (const Reply& reply : replies) {
    session->answer(*this, reply);
    if (counts.on()) count(reply);
  }
  if (counts.on()) counts.report();
  session->flush(out);
}

void GrpcBatch::count(const Reply& reply) {
  for (std::size_t i = reply.first; i < reply.first + reply.count; ++i) {
    if (items[i].asks == 0) continue;
    const auto chain = std::span<const Decision>(decisions).subspan(items[i].first, items[i].asks);
    counts.count(matches[i].rule->limit->name, asks[items[i].first],
                 chain.size() == 1 ? chain[0].outcome : policy::combine(chain).decision.outcome);
  }
}

void GrpcBatch::clear() {
  constexpr std::size_t kKept = 64 * 1024;
  clear_asks();
  session = nullptr;
  matches.clear();
  items.clear();
  replies.clear();
  keys.clear();
  if (keys.capacity() > kKept) keys = {};
  if (!rules.empty()) rules.clear();
  if (policies != nullptr) policies.reset();
}

}  // namespace sluice::door::grpc
