// requests.h: requests of Envoy's rate limit service as part of a door's batch: their descriptors become
// asks, and the decisions a RateLimitResponse.
//
//     if (!read_request(bytes, scratch.asked)) ...                                                // Each.
//     if (auto fault = ask(scratch.asked, options, policies, scratch, requests, asks, part)) ...  // Each.
//     requests.bind_keys(batch.asks);                                                             // Once.
//     ... the store decides ...
//     answer(requests, batch.decisions, part, options, response);                                 // Each.
//
// A request's descriptors stand or fall together (Charge::all_or_nothing): the buckets of all rules that
// count are one chain in the store. Rules that do not decide alone whether the request passes (shadow mode,
// quota mode, keys outside of enforce_percent) are charged for themselves, and so are descriptors that give
// hits back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "door/decision_counts.h"
#include "door/rls/asked.h"
#include "door/rls/options.h"
#include "door/traces.h"
#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "policy/policy_set.h"
#include "store/store.h"

namespace sluice::door::rls {

using Request = envoy::service::ratelimit::v3::RateLimitRequest;
using Response = envoy::service::ratelimit::v3::RateLimitResponse;

/// One descriptor of a request: what is asked for it, beside its policy::Match.
struct Item {
  enum class Role : std::uint8_t {
    decides,  ///< If it is over its limit, so is the request.
    shadow,   ///< Only told and counted.
    quota,    ///< The request is over if every quota group is.
    refund,   ///< Gives back; is never over, and hangs on no other descriptor.
  };
  Role role = Role::decides;
  std::uint8_t group = 0;     ///< Of a quota.
  std::uint16_t asks = 0;     ///< How many.
  std::uint32_t first = 0;    ///< Index of the first ask.
  std::uint32_t hits = 0;     ///< For statistics; stops at 2^32-1.
  std::uint32_t name_at = 0;  ///< In Requests::names, if the name of its counter is of the request.
  std::uint32_t name_size = 0;
};

/// One request's items.
struct Part {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// All requests of a batch.
struct Requests {
  /// All asks are there, and `keys` grows no more: now they may look into it.
  void bind_keys(std::span<store::Ask> asks) const;
  void clear();

  std::vector<policy::Match> matches;  ///< One an item.
  std::vector<Item> items;
  std::string keys;                                        ///< The buckets' names, behind each other.
  std::string names;                                       ///< Of counters: rules' and unknown domains'.
  std::vector<std::unique_ptr<const policy::Rule>> rules;  ///< That requests brought with them.
  std::shared_ptr<const policy::PolicySet> policies;  ///< Keeps the rules of `matches` alive across a reload.
};

/// Used again from request to request.
struct Scratch {
  Asked asked;                      ///< The request that is being read.
  std::vector<std::string> groups;  ///< Its quota groups.
};

/// Why a request is not decided. Then nothing was asked for it.
struct Fault {
  bool reference = false;  ///< Envoyproxy/ratelimit's, in its words; there the code is UNKNOWN.
  std::string message;
};

/// Appends the request's asks (which keep no view into it), and its items to `requests`: `part` says where.
/// `policies` are used for the batch if it has none yet.
std::optional<Fault> ask(const Asked& request, const RlsOptions& options,
                         const std::shared_ptr<const policy::PolicySet>& policies, Scratch& scratch,
                         Requests& requests, std::vector<store::Ask>& asks, Part& part);

/// REQUIRES: an empty response. Appends to `head`, if there is one, the fields that an HTTP answer has: the
/// IETF's always, the others as the options say, each a line with CR LF.
void answer(const Requests& requests, std::span<const Decision> decisions, const Part& part,
            const RlsOptions& options, Response& response, std::string* head = nullptr);

/// REQUIRES: counts.on().
void count(const Requests& requests, std::span<const store::Ask> asks, std::span<const Decision> decisions,
           const Part& part, const RlsOptions& options, DecisionCounts& counts);

/// If the request is one to be told of. `reply`: its index, as traces.asks() knows it.
void trace(const Requests& requests, std::span<const store::Ask> asks, std::span<const Decision> decisions,
           const Part& part, std::string_view door, std::size_t reply, BatchTraces& traces);

}  // namespace sluice::door::rls
