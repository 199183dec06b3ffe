// CL.THROTTLE (redis-cell) and GCRA (redis/redis#14826): quotas that come with the request. Both speak of
// max_burst, which is the capacity less one, and answer five integers. One family holds the buckets of both,
// told apart by key alone: a bucket is kept when its parameters change, and a key asked by either command is
// one bucket.
#include <array>
#include <limits>
#include <string>

#include "door/resp/command.h"
#include "door/resp/values.h"
#include "door/seconds.h"

namespace sluice::door {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSecond = 1'000'000'000;

/// Limited, limit, remaining, retry_after (-1: no need to, or no use), reset_after.
void five_integers(const Reply&, std::span<const Decision> decisions, wire::RespWriter& out) {
  const Decision& d = decisions[0];
  const std::int64_t retry = d.outcome == Outcome::refused ? seconds_up(d.retry_after) : -1;
  out.integers({d.allowed() ? 0 : 1, d.capacity, d.remaining, retry, seconds_up(d.reset_after)});
}

struct Throttle {
  std::int64_t max_burst;
  std::int64_t tokens;
  Duration period;
  std::int64_t cost;
};

void ask(Call& call, const Throttle& t) {
  if (refuse_limit(call, call.door.throttle_family().name)) return;
  if (t.max_burst == kMax) return call.reply.error("ERR max_burst must be below 9223372036854775807");
  Error why;
  const Quota* const quota =
      call.batch.quotas.find({.capacity = t.max_burst + 1, .tokens = t.tokens, .period = t.period}, why);
  if (quota == nullptr) return call.reply.error(std::string("ERR ").append(why.message));
  call.batch.ask(
      {.key = call.args[1], .family = &call.door.throttle_family(), .quota = quota, .amount = t.cost},
      five_integers, call.session.version);
}

void not_an_integer(Call& call, std::string_view arg) {  // redis-cell's words.
  call.reply.error(std::string("ERR Couldn't parse as integer: ").append(arg.substr(0, 128)));
}

// Redis's words, with its own slip in them.
void out_of_range(Call& call, std::int64_t least) {
  call.reply.error("ERR value is out of range, value must between " + std::to_string(least) + " and " +
                   std::to_string(kMax));
}

constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";

}  // namespace

void cl_throttle(Call& call) {
  if (call.args.size() > 6)
    return call.reply.error("ERR wrong number of arguments for 'cl.throttle' command");
  std::array<std::int64_t, 4> n{0, 0, 0, 1};
  for (std::size_t i = 2; i < call.args.size(); ++i) {
    const auto number = whole_number(call.args[i]);
    if (!number) return not_an_integer(call, call.args[i]);
    n[i - 2] = *number;
  }
  const auto [max_burst, count, period, quantity] = n;
  if (count == 0 || period == 0) return call.reply.error("ERR Zero rates are not supported");
  if (max_burst < 0) return call.reply.error("ERR max_burst must not be negative");
  if (count < 0) return call.reply.error("ERR count per period must not be negative");
  if (period < 0) return call.reply.error("ERR period must not be negative");
  if (quantity < 0) return call.reply.error("ERR quantity must not be negative");
  if (period > kMax / kSecond)
    return call.reply.error("ERR period must be at most 9223372036 seconds (292 years)");
  ask(call,
      {.max_burst = max_burst, .tokens = count, .period = Duration{period * kSecond}, .cost = quantity});
}

void gcra(Call& call) {
  const auto args = call.args;
  if (args.size() > 7) return call.reply.error("ERR wrong number of arguments for 'gcra' command");
  const auto max_burst = whole_number(args[2]);
  if (!max_burst || *max_burst < 0) return call.reply.error("ERR value is out of range, must be positive");
  const auto tokens = whole_number(args[3]);
  if (!tokens) return call.reply.error(kNotAnInteger);
  if (*tokens < 1) return out_of_range(call, 1);
  using Kind = DecimalSeconds::Kind;
  const auto period = decimal_seconds(args[4]);
  if (period.kind == Kind::malformed) return call.reply.error("ERR value is not a valid float");
  if (period.kind == Kind::zero || period.kind == Kind::negative)
    return call.reply.error("ERR period must be > 0 and < 1e12");
  if (period.kind == Kind::too_long)
    return call.reply.error("ERR period must be at most 9223372036 seconds (292 years)");
  if (period.kind == Kind::too_fine)
    return call.reply.error("ERR period must be a whole number of nanoseconds");
  std::int64_t cost = 1;
  if (args.size() > 5) {
    if (!equals_ignoring_case(args[5], "tokens")) return call.reply.error("ERR syntax error");
    if (args.size() == 6) return call.reply.error("ERR Missing TOKENS value");
    const auto number = whole_number(args[6]);
    if (!number) return call.reply.error(kNotAnInteger);
    if (*number < 1) return out_of_range(call, 1);
    cost = *number;
  }
  ask(call, {.max_burst = *max_burst, .tokens = *tokens, .period = period.value, .cost = cost});
}

}  // namespace sluice::door
