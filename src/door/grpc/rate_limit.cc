// ShouldRateLimit, the asking half: a request's descriptors become asks. The other half is answer.cc.
#include <algorithm>

#include "door/grpc/method.h"
#include "door/grpc/workspace.h"

namespace sluice::door::grpc {

namespace {

using wire::GrpcCode;
using Descriptor = envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;

/// As many asks as the store decides together.
constexpr std::size_t kTogetherMax = 32;

/// Envoyproxy/ratelimit's groups: descriptors of one backend and model, or else of the same entries.
std::string group_of(std::span<const policy::Entry> entries) {
  std::string named, all;
  for (const auto& [key, value] : entries) {
    if (key == "backend_name" || key == "model_name_override")
      named.append(key).append("=").append(value).append("|");
    all.append(key).append("=").append(value).append("|");
  }
  return named.empty() ? "=" + all : named;
}

/// One request on its way into the batch.
class Asking {
 public:
  Asking(GrpcDoor& door, GrpcBatch& batch, const rls::RateLimitRequest& request)
      : door_(door), batch_(batch), request_(request), first_(batch.items.size()) {
    door.workspace().groups.clear();
  }

  /// False: more than can be decided together. Then the batch is as it was, but for some dead keys.
  bool ask() {
    const policy::PolicySet& policies = *batch_.policies;
    const policy::Domain* const domain = policies.find(request_.domain());
    bool replaces = false;
    for (const Descriptor& descriptor : request_.descriptors()) {
      read_entries(descriptor);
      batch_.matches.push_back(match(policies, domain, descriptor));
      batch_.items.push_back({});
      const policy::Match& m = batch_.matches.back();
      if (m.rule == nullptr) continue;
      replaces |= !m.rule->replaces.empty();
      set_role(*m.rule, m, batch_.items.back());
    }
    if (replaces) policy::drop_replaced(std::span(batch_.matches).subspan(first_));
    return append();
  }

 private:
  void read_entries(const Descriptor& descriptor) {
    auto& entries = door_.workspace().entries;
    entries.clear();
    for (const auto& entry : descriptor.entries()) entries.push_back({entry.key(), entry.value()});
  }

  policy::Match match(const policy::PolicySet& policies, const policy::Domain* domain,
                      const Descriptor& descriptor) {
    const auto& entries = door_.workspace().entries;
    if (descriptor.has_limit()) {
      auto rule = policies.override_rule(
          domain, entries, descriptor.limit().requests_per_unit(),
          static_cast<policy::Unit>(
              descriptor.limit().unit() <= 6 ? std::max(descriptor.limit().unit() + 0, 0) : 0));
      if (rule != nullptr) {
        batch_.rules.push_back(std::move(rule));
        return policy::PolicySet::match_override(*batch_.rules.back(), entries, batch_.keys);
      }
    }
    return policies.match(domain, entries, batch_.keys);
  }

  void set_role(const policy::Rule& rule, const policy::Match& match, Item& item) {
    if (rule.mode == policy::Mode::shadow || !rule.enforces(match.key(batch_.keys))) {
      item.role = Item::Role::shadow;
    } else if (rule.quota_mode) {
      item.role = Item::Role::quota;
      auto& groups = door_.workspace().groups;
      const auto name = group_of(door_.workspace().entries);
      const auto at = std::find(groups.begin(), groups.end(), name);
      item.group = static_cast<std::uint8_t>(std::min<std::ptrdiff_t>(at - groups.begin(), 255));
      if (at == groups.end()) groups.push_back(name);
    }
  }

  std::uint64_t hits(const Descriptor& descriptor) const {
    if (descriptor.has_hits_addend()) return descriptor.hits_addend().value();  // 0 only looks.
    return std::max<std::uint64_t>(request_.hits_addend(), 1);
  }

  /// First those that decide, as one chain, then the others, each for itself.
  bool append() {
    const std::size_t before = batch_.asks.size();
    const bool together = door_.options().charge == GrpcOptions::Charge::all_or_nothing;
    bool refused = false;  // Whatever the buckets say: then they are only looked at.
    for (std::size_t i = first_; i < batch_.items.size(); ++i)
      refused |= batch_.items[i].role == Item::Role::decides &&
                 batch_.matches[i].outcome == policy::Match::Outcome::refuse;
    for (std::size_t i = first_; i < batch_.items.size(); ++i) {
      if (batch_.items[i].role != Item::Role::decides || !asks(i)) continue;
      if (together && batch_.asks.size() > before) batch_.asks.back().with_next = true;
      append(i, together && refused ? Op::peek : Op::take);
    }
    if (together && batch_.asks.size() - before > kTogetherMax) {
      batch_.asks.resize(before);
      batch_.items.resize(first_);
      batch_.matches.resize(first_);
      return false;
    }
    for (std::size_t i = first_; i < batch_.items.size(); ++i)
      if (batch_.items[i].role != Item::Role::decides && asks(i)) append(i, Op::take);
    return true;
  }

  bool asks(std::size_t i) const { return batch_.matches[i].outcome == policy::Match::Outcome::ask; }

  void append(std::size_t i, Op op) {
    const policy::Rule& rule = *batch_.matches[i].rule;
    Item& item = batch_.items[i];
    item.first = static_cast<std::uint32_t>(batch_.asks.size());
    const auto tokens = rule.tokens(hits(request_.descriptors(static_cast<int>(i - first_))));
    policy::append_asks(*rule.limit, {}, tokens, op, Duration{0}, batch_.asks);  // bind_keys() gives the key.
    item.asks = static_cast<std::uint16_t>(batch_.asks.size() - item.first);
  }

  GrpcDoor& door_;
  GrpcBatch& batch_;
  const rls::RateLimitRequest& request_;
  const std::size_t first_;
};

}  // namespace

void should_rate_limit(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  GrpcDoor& door = session.door();
  auto& request = *door.workspace().request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return session.fail(call, GrpcCode::internal,
                        "the message is no envoy.service.ratelimit.v3.RateLimitRequest");
  // Code and words of these two are envoyproxy/ratelimit's.
  if (request.domain().empty())
    return session.fail(call, GrpcCode::unknown, "rate limit domain must not be empty");
  if (request.descriptors().empty())
    return session.fail(call, GrpcCode::unknown, "rate limit descriptor list must not be empty");
  const auto descriptors = static_cast<std::size_t>(request.descriptors_size());
  if (descriptors > door.options().descriptors_max)
    return session.fail(
        call, GrpcCode::invalid_argument,
        "descriptors: at most " + std::to_string(door.options().descriptors_max) + " in a request");

  GrpcBatch& batch = session.batch();
  if (batch.policies == nullptr) batch.policies = door.policies();
  const std::size_t first = batch.items.size();
  const bool asked = Asking(door, batch, request).ask();
  door.workspace().shrink(bytes.size());
  if (!asked)
    return session.fail(call, GrpcCode::invalid_argument,
                        "descriptors: the quotas of at most 32 can stand or fall together; send fewer");
  batch.replies.push_back(
      {call.id, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(descriptors)});
}

}  // namespace sluice::door::grpc
