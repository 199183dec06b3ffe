#include "cli/evaluator.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/json.h"

namespace sluice::cli {

struct Evaluator::Parser {
  simdjson::dom::parser dom;
  simdjson::ondemand::parser on_demand;
};

/// What a line says, by name.
struct Evaluator::Request {
  simdjson::dom::object object;

  Result<simdjson::dom::element> field(std::string_view name) const {
    std::optional<simdjson::dom::element> found;
    for (const auto [key, value] : object) {
      if (key != name) continue;
      if (found) return error("is there twice", name);
      found = value;
    }
    if (!found) return error("is missing", name);
    return *found;
  }
  bool has(std::string_view name) const { return object.at_key(name).error() == simdjson::SUCCESS; }

  Result<std::string_view> text(std::string_view name) const {
    const auto value = field(name);
    if (!value) return value.error();
    std::string_view out;
    if (value->get(out) != simdjson::SUCCESS) return error("must be a string", name);
    return out;
  }
  Result<std::int64_t> whole(std::string_view name, std::int64_t least = INT64_MIN) const {
    const auto value = field(name);
    if (!value) return value.error();
    std::int64_t out = 0;
    const bool integer = value->is_int64() || value->is_uint64();
    if (!integer) return error("must be a whole number, written without quotes, fraction or exponent", name);
    if (value->get(out) != simdjson::SUCCESS) return error("is above 2^63-1", name);
    if (out < least)
      return error("is " + std::to_string(out) + ", must be at least " + std::to_string(least), name);
    return out;
  }

 private:
  static Error error(const std::string& what, std::string_view name) {
    return {Code::invalid_argument, "field '" + std::string(name) + "' " + what};
  }
};

namespace {

struct NamedOp {
  std::string_view name;
  Op op;
};
constexpr std::array kOps = std::to_array<NamedOp>({
    {"take", Op::take},
    {"peek", Op::peek},
    {"take_up_to", Op::take_up_to},
    {"reserve", Op::reserve},
    {"charge", Op::charge},
    {"refund", Op::refund},
    {"reset", Op::reset},
});

Error bad(std::string message) { return {Code::invalid_argument, std::move(message)}; }

/// A number that the parser refuses is looked for again, to name its field: the parser stops without a place.
Error bad_number(simdjson::ondemand::parser& parser, const simdjson::padded_string& json) {
  constexpr std::string_view mend =
      " is no number, or one beyond 64 bits: use a whole number, at most 2^63-1";
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(json).get(document) == simdjson::SUCCESS && document.get(object) == simdjson::SUCCESS)
    for (auto field : object) {
      std::string_view name;
      simdjson::ondemand::value value;
      std::int64_t whole = 0;
      std::uint64_t large = 0;
      double fraction = 0;
      if (field.error() != simdjson::SUCCESS || field.unescaped_key().get(name) != simdjson::SUCCESS ||
          field.value().get(value) != simdjson::SUCCESS)
        break;
      const auto text = value.raw_json_token();
      if (text.empty() || (text.front() != '-' && (text.front() < '0' || text.front() > '9'))) continue;
      const bool fits = text.find_first_of(".eE") != text.npos
                            ? value.get(fraction) == simdjson::SUCCESS
                            : value.get(whole) == simdjson::SUCCESS || value.get(large) == simdjson::SUCCESS;
      if (fits) continue;
      return bad("field '" + std::string(name) + "'" + std::string(mend));
    }
  return bad("not JSON: a number in it" + std::string(mend));
}

std::string decision_json(Op op, const Decision& d) {
  std::string out = d.allowed() ? "{\"allowed\":true" : "{\"allowed\":false";
  const auto number = [&out](const char* name, std::int64_t value) {
    ((out += ",\"") += name) += "\":";
    out += std::to_string(value);
  };
  number("remaining", d.remaining);
  if (d.outcome == Outcome::never)
    out += ",\"retry_after_ns\":null";
  else
    number("retry_after_ns", d.retry_after.count());
  number("reset_after_ns", d.reset_after.count());
  if (op == Op::take_up_to) number("granted", d.granted);
  if (op == Op::reserve) number("due_after_ns", d.due_after.count());
  return out += '}';
}

std::string error_json(std::string_view message) { return "{\"error\":" + json_string(message) + "}"; }

}  // namespace

Evaluator::Evaluator() : parser_(std::make_unique<Parser>()) {}
Evaluator::~Evaluator() = default;

std::string Evaluator::answer(std::string_view line) {
  const auto result = run(line);
  return result ? *result : error_json(result.error().message);
}

std::string Evaluator::line_too_long() {
  return error_json("the line is above " + std::to_string(kLineBytesMax) + " bytes");
}

Result<std::string> Evaluator::run(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return bad("the line is empty: expected one JSON object");
  const simdjson::padded_string json(line);
  simdjson::dom::element element;
  const auto fault = parser_->dom.parse(json).get(element);
  if (fault == simdjson::NUMBER_ERROR) return bad_number(parser_->on_demand, json);
  if (fault != simdjson::SUCCESS)
    return bad(std::string("not JSON: ") + simdjson::error_message(fault) + " Expected one object a line");
  Request request;
  if (element.get(request.object) != simdjson::SUCCESS)
    return bad("expected a JSON object, as in {\"op\":\"take\",\"t\":0,\"cost\":1}");
  const auto op = request.text("op");
  if (!op) return op.error();
  return *op == "new" ? run_new(request) : run_on_bucket(request, *op);
}

Result<std::string> Evaluator::run_new(const Request& request) {
  const auto capacity = request.whole("capacity");
  if (!capacity) return capacity.error();
  const auto tokens = request.whole("tokens");
  if (!tokens) return tokens.error();
  const auto period = request.whole("period_ns");
  if (!period) return period.error();
  auto quota = Quota::make({.capacity = *capacity, .tokens = *tokens, .period = Duration(*period)});
  if (!quota) return quota.error();
  quota_.emplace(*quota);
  bucket_.reset();
  return std::string("{}");
}

Result<std::string> Evaluator::run_on_bucket(const Request& request, std::string_view name) {
  const auto* const known =
      std::find_if(kOps.begin(), kOps.end(), [&](const NamedOp& o) { return o.name == name; });
  if (known == kOps.end()) {
    std::string names = "new";
    for (const auto& o : kOps) (names += ", ") += o.name;
    return bad("field 'op' is unknown: use one of " + names);
  }
  const Op op = known->op;
  const auto t = request.whole("t");
  if (!t) return t.error();
  const auto cost = op == Op::reset ? Result<std::int64_t>(0) : request.whole("cost", 0);
  if (!cost) return cost.error();
  const auto max_wait = op == Op::reserve && request.has("max_wait_ns")
                            ? request.whole("max_wait_ns", 0)
                            : Result<std::int64_t>(kNever.count());
  if (!max_wait) return max_wait.error();
  if (!quota_)
    return bad("there is no bucket yet: send {\"op\":\"new\",...} before '" + std::string(name) + "'");
  const Time now{Duration(*t)};
  Bucket& bucket = bucket_at(now);
  switch (op) {
    case Op::take:
      return decision_json(op, bucket.take(*cost, now));
    case Op::peek:
      return decision_json(op, bucket.peek(*cost, now));
    case Op::take_up_to:
      return decision_json(op, bucket.take_up_to(*cost, now));
    case Op::reserve:
      return decision_json(op, bucket.reserve(*cost, Duration(*max_wait), now));
    case Op::charge:
      return decision_json(op, bucket.charge(*cost, now));
    case Op::refund:
      return decision_json(op, bucket.refund(*cost, now));
    case Op::reset:
      break;
  }
  return decision_json(op, bucket.reset(now));
}

/// Any time of the 64 bits may follow any other here, 584 years at most. A bucket's own word is unambiguous
/// for 292 years less the longest debt, 36: one that was idle for longer is full.
Bucket& Evaluator::bucket_at(Time now) {
  constexpr std::uint64_t longest_idle = std::uint64_t{1} << 62;
  const auto ns = [](Time t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); };
  const bool leap = bucket_ && now > latest_ && ns(now) - ns(latest_) > longest_idle && quota_->is_narrow() &&
                    quota_->narrow().per_ns == 1;
  latest_ = bucket_ ? std::max(latest_, now) : now;
  if (!bucket_ || leap) bucket_.emplace(*quota_, now);
  return *bucket_;
}

}  // namespace sluice::cli
