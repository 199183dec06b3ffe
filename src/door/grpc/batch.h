// batch.h: what a few kilobytes of input brought: asks for the store, and how each call is to be answered.
// Lent by the door to one session at a time, so idle connections hold none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "door/batching.h"
#include "door/decision_counts.h"
#include "door/grpc/grpc_door.h"
#include "door/rls/requests.h"
#include "store/store.h"

namespace sluice::door::grpc {

class GrpcSession;

/// One ShouldRateLimit call.
struct Reply {
  std::int32_t stream;
  rls::Part part;
};

struct GrpcBatch final : Batch<GrpcBatch> {
  explicit GrpcBatch(GrpcDoor& owner)
      : Batch(owner.batches(), owner.options().tracer), door(owner), counts(owner.decisions()) {}

  /// Answers all calls that are still there, and appends what may be sent to `out`.
  void write(std::string& out);
  std::size_t index(const Reply& reply) const { return static_cast<std::size_t>(&reply - replies.data()); }
  /// Ready for another use.
  void clear();

  GrpcDoor& door;
  GrpcSession* session = nullptr;  ///< Whose calls they are.
  std::vector<Reply> replies;
  rls::Requests requests;
  DecisionCounts counts;
};

}  // namespace sluice::door::grpc
