// batch.h: what one look into the input brought: asks for the store, and how each request is to be answered.
// Lent by the door to one session at a time, so idle connections hold none.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "door/batching.h"
#include "door/decision_counts.h"
#include "door/resp/quota_cache.h"
#include "door/resp/resp_session.h"
#include "policy/limit.h"
#include "store/store.h"
#include "wire/resp_writer.h"

namespace sluice::door {

struct Reply;
/// Writes one request's reply from its decisions.
using Format = void (*)(const Reply& reply, std::span<const Decision> decisions, wire::RespWriter& out);

/// A named limit with the texts of its quotas, which every reply tells.
struct NamedLimit {
  const policy::Limit* limit;
  std::vector<std::string> quota_texts;
};
/// All that hold at one moment. Shared: a batch that waits for a store keeps its limits alive across a
/// reload.
struct NamedLimits {
  explicit NamedLimits(std::shared_ptr<const policy::LimitSet> from);
  const NamedLimit* find(std::string_view name) const;

  std::shared_ptr<const policy::LimitSet> set;
  std::vector<NamedLimit> limits;  ///< In the set's order.
};

/// One request's place in the replies.
struct Reply {
  Format format;              ///< Null: the reply is written already, in RespBatch::text.
  const NamedLimit* named;    ///< Null for CL.THROTTLE and GCRA, which bring their quota along.
  std::uint32_t first;        ///< Index of the first ask, or of the first byte in `text`.
  std::uint32_t count;        ///< Asks or bytes.
  wire::RespVersion version;  ///< HELLO may change it from one request to the next.
  bool with_id = false;       ///< A refund whose id is taken by one more ask, behind `count`.
};

struct RespBatch final : Batch<RespBatch> {
  explicit RespBatch(RespDoor& owner)
      : Batch(owner.batches(), owner.options().tracer),
        door(owner),
        quotas(owner.options().accepts),
        counts(owner.decisions()) {}

  /// One ask, answered by `format`.
  void ask(const store::Ask& ask, Format format, wire::RespVersion version) {
    asks.push_back(ask);
    replies.push_back({format, nullptr, static_cast<std::uint32_t>(asks.size() - 1), 1, version});
  }
  /// What was written to `text` since it had `begin` bytes is the next reply.
  void answered_in_text(std::size_t begin);
  /// Appends all replies to `out`, in order, and counts the decisions.
  void write(std::string& out);
  /// Ready for another use.
  void clear();

  void trace(const Reply& reply, std::span<const Decision> chain);

  RespDoor& door;
  std::vector<Reply> replies;
  std::string text;
  std::deque<std::string> kept;  ///< Keys that are no views into the input.
  QuotaCache quotas;
  std::shared_ptr<const NamedLimits> limits;  ///< Keeps the named limits of `asks` alive across a reload.
  DecisionCounts counts;
};

}  // namespace sluice::door
