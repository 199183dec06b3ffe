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
#include "policy/policy_set.h"
#include "store/store.h"

namespace sluice::door::grpc {

class GrpcSession;

/// One descriptor of a request: what is asked for it, beside its policy::Match.
struct Item {
  enum class Role : std::uint8_t {
    decides,  ///< If it is over its limit, so is the request.
    shadow,   ///< Only told and counted.
    quota,    ///< The request is over if every quota group is.
  };
  Role role = Role::decides;
  std::uint8_t group = 0;   ///< Of a quota.
  std::uint16_t asks = 0;   ///< How many.
  std::uint32_t first = 0;  ///< Index of the first ask.
};

/// One ShouldRateLimit call.
struct Reply {
  std::int32_t stream;
  std::uint32_t first;  ///< Index of the first item.
  std::uint32_t count;
};

struct GrpcBatch final : Batch<GrpcBatch> {
  explicit GrpcBatch(GrpcDoor& owner) : Batch(owner.batches()), door(owner), counts(owner.decisions()) {}

  /// All asks are there, and `keys` grows no more: now they may look into it.
  void bind_keys();
  /// Answers all calls that are still there, and appends what may be sent to `out`.
  void write(std::string& out);
  /// Ready for another use.
  void clear();

  GrpcDoor& door;
  GrpcSession* session = nullptr;      ///< Whose calls they are.
  std::vector<policy::Match> matches;  ///< One an item.
  std::vector<Item> items;
  std::vector<Reply> replies;
  std::string keys;                                        ///< The buckets' names, behind each other.
  std::vector<std::unique_ptr<const policy::Rule>> rules;  ///< That requests brought with them.
  std::shared_ptr<const policy::PolicySet> policies;  ///< Keeps the rules of `matches` alive across a reload.
  DecisionCounts counts;

 private:
  void count(const Reply& reply);
};

}  // namespace sluice::door::grpc
