// SLUICE.*: requests under the named limits of the configuration.
#include <limits>
#include <optional>
#include <string>

#include "door/resp/command.h"
#include "door/resp/values.h"
#include "store/once.h"

namespace sluice::door {
namespace {

/// What a named request is told: in RESP3 a map, in RESP2 its values in this order.
class Answer {
 public:
  Answer(wire::RespWriter& out, std::size_t fields) : out_(out) {
    if (out_.version() == wire::RespVersion::resp3)
      out_.map(fields);
    else
      out_.array(fields);
  }
  wire::RespWriter& field(std::string_view name) {
    if (out_.version() == wire::RespVersion::resp3) out_.bulk(name);
    return out_;
  }

 private:
  wire::RespWriter& out_;
};

void answer(const Reply& reply, std::span<const Decision> chain, std::string_view extra,
            wire::RespWriter& out) {
  const auto verdict = policy::combine(chain);
  const Decision& d = verdict.decision;
  const bool allowed = d.allowed() || reply.named->limit->mode == policy::Mode::shadow;
  // RESP2's list has no room: its values are known by their places.
  const bool degraded = d.origin == Origin::degraded && out.version() == wire::RespVersion::resp3;
  Answer fields(out, (extra.empty() ? 6 : 7) + (degraded ? 1 : 0));
  fields.field("allowed").boolean(allowed);
  fields.field("limit").integer(d.capacity);
  fields.field("remaining").integer(d.remaining);
  auto& retry = fields.field("retry_after");
  if (!allowed && d.outcome == Outcome::never)
    retry.null();
  else
    retry.seconds(allowed ? Duration{0} : d.retry_after);
  fields.field("reset_after").seconds(d.reset_after);
  fields.field("quota").bulk(reply.named->quota_texts[verdict.decided]);
  if (extra == "due_after") fields.field(extra).seconds(d.due_after);
  if (extra == "granted") fields.field(extra).integer(d.granted);
  if (extra == "applied") fields.field(extra).boolean(chain.data()[chain.size()].allowed());
  if (degraded) fields.field("degraded").boolean(true);
}

void plain(const Reply& reply, std::span<const Decision> chain, wire::RespWriter& out) {
  answer(reply, chain, {}, out);
}
void reserved(const Reply& reply, std::span<const Decision> chain, wire::RespWriter& out) {
  answer(reply, chain, "due_after", out);
}
void granted(const Reply& reply, std::span<const Decision> chain, wire::RespWriter& out) {
  answer(reply, chain, "granted", out);
}

void refunded_once(const Reply& reply, std::span<const Decision> chain, wire::RespWriter& out) {
  answer(reply, chain, "applied", out);
}

/// Arguments: name, limit, key, and maybe a number of tokens. `id`: of a refund that is to be done once.
void ask(Call& call, Op op, Format format, Duration max_wait = Duration{0}, std::string_view id = {}) {
  std::int64_t amount = 1;
  if (call.args.size() > 3) {
    const auto number = whole_number(call.args[3]);
    if (!number || *number < 0)
      return call.reply.error("ERR tokens must be a whole number from 0 to 9223372036854775807");
    amount = *number;
  }
  if (refuse_limit(call, call.args[1])) return;
  RespBatch& batch = call.batch;
  if (batch.limits == nullptr) batch.limits = call.door.limits();
  const NamedLimit* const named = batch.limits->find(call.args[1]);
  if (named == nullptr)
    return call.reply.error(std::string("ERR no limit is named '")
                                .append(call.args[1].substr(0, 128))
                                .append("'; SLUICE.LIMITS lists those that are"));
  const auto first = static_cast<std::uint32_t>(batch.asks.size());
  if (id.empty())
    policy::append_asks(*named->limit, call.args[2], amount, op, max_wait, batch.asks);
  else
    policy::append_refund_once(*named->limit, call.args[2], amount,
                               batch.kept.emplace_back(store::once_key(call.args[2], id)), batch.asks);
  const auto count = static_cast<std::uint32_t>(batch.asks.size() - first - (id.empty() ? 0 : 1));
  batch.replies.push_back({format, named, first, count, call.session.version, !id.empty()});
}

bool at_most(Call& call, std::size_t args, std::string_view name) {
  if (call.args.size() <= args) return true;
  call.reply.error(std::string("ERR wrong number of arguments for '").append(name).append("' command"));
  return false;
}

}  // namespace

void sluice_take(Call& call) {
  if (at_most(call, 4, "sluice.take")) ask(call, Op::take, plain);
}
void sluice_peek(Call& call) {
  if (at_most(call, 4, "sluice.peek")) ask(call, Op::peek, plain);
}
void sluice_take_up_to(Call& call) { ask(call, Op::take_up_to, granted); }
void sluice_refund(Call& call) {
  if (!at_most(call, 6, "sluice.refund")) return;
  if (call.args.size() <= 4) return ask(call, Op::refund, plain);
  if (call.args.size() == 5 || !equals_ignoring_case(call.args[4], "id"))
    return call.reply.error("ERR syntax error");
  const auto id = call.args[5];
  if (id.empty() || id.size() > store::kOnceIdMax) return call.reply.error("ERR ID must have 1 to 255 bytes");
  ask(call, Op::refund, refunded_once, Duration{0}, id);
}
void sluice_reset(Call& call) { ask(call, Op::reset, plain); }

void sluice_reserve(Call& call) {
  if (!at_most(call, 6, "sluice.reserve")) return;
  Duration max_wait = kNever;
  if (call.args.size() > 4) {
    if (call.args.size() == 5 || !equals_ignoring_case(call.args[4], "maxwait"))
      return call.reply.error("ERR syntax error");
    using Kind = DecimalSeconds::Kind;
    const auto seconds = decimal_seconds(call.args[5]);
    if (seconds.kind == Kind::malformed || seconds.kind == Kind::negative)
      return call.reply.error("ERR MAXWAIT must be a number of seconds, 0 or more");
    if (seconds.kind == Kind::too_fine)
      return call.reply.error("ERR MAXWAIT must be a whole number of nanoseconds");
    max_wait = seconds.kind == Kind::too_long ? kNever : seconds.value;  // "inf": however long.
  }
  ask(call, Op::reserve, reserved, max_wait);
}

void sluice_limits(Call& call) {
  const auto& limits = call.door.limits()->limits;
  call.reply.array(limits.size());
  for (const auto& named : limits) {
    const policy::Limit& limit = *named.limit;
    Answer fields(call.reply, 4);
    fields.field("name").bulk(limit.name);
    auto& quotas = fields.field("quotas");
    quotas.array(named.quota_texts.size());
    for (const auto& text : named.quota_texts) quotas.bulk(text);
    fields.field("unit").bulk(limit.unit);
    fields.field("mode").bulk(limit.mode == policy::Mode::shadow ? "shadow" : "enforce");
  }
}

}  // namespace sluice::door
