// Costs known only afterwards: a hold takes an estimate, settling it puts the difference right, once.
#include "door/http/asking.h"

namespace sluice::door::http {

namespace {

/// A place in the book first, then the tokens: what is refused for want of a place was never charged. What
/// becomes of the place is decided with the tokens (HttpBatch::settle_place).
const ItemProblem* open(Call& call, const Sought& sought, const Wish& wish) {
  const NamedLimit* const named = sought.named;
  if (named == nullptr) return sought.problem;
  const auto key = keep(call, wish.key);
  const Time expiry = wish.expires_in < Time::max() - call.now ? call.now + wish.expires_in : Time::max();
  const auto id = call.door.holds().open({named->limit->name, std::string(key)}, wish.cost, expiry, call.now);
  if (!id) return &kTooManyHolds;
  ask(call, *named, key, {.amount = wish.cost}).hold = *id;
  return nullptr;
}

const ItemProblem* close(Call& call, const Wish& wish) {
  const auto id = HoldId::parse(wish.hold.escaped ? wish.hold.text() : wish.hold.raw);
  if (!id) return &kNoSuchHold;
  auto hold = call.door.holds().close(*id, call.now);
  if (!hold) return &kNoSuchHold;
  const NamedLimit* const named = limits_of(call).find(hold->payload.limit);
  if (named == nullptr) return &kNoSuchLimit;
  const auto difference = hold->payload.taken ? hold->settle(wish.actual) : Settlement{Op::refund, 0};
  ask(call, *named, call.batch.kept.emplace_back(std::move(hold->payload.key)),
      {.op = difference.op, .amount = difference.amount});
  return nullptr;
}

template <class Answer>
void answer_each(Call& call, std::uint16_t fields, Answer answer) {
  bool many = false;
  if (!read_body(call, fields, many)) return;
  const auto& wishes = call.batch.wishes;
  for (const Wish& wish : wishes) {
    const ItemProblem* const problem = answer(wish);
    if (problem == nullptr) continue;
    if (!many) return refuse(call, *problem);
    ask_nothing(call, *problem);
  }
  answer_by(call, many ? Reply::Form::list : Reply::Form::one, wishes.size());
}

}  // namespace

void hold(Call& call) {
  answer_each(call, kLimit | kKey | kCost | kExpiresIn,
              [&](const Wish& wish) { return open(call, seek(call, wish.limit), wish); });
}

void settle(Call& call) {
  answer_each(call, kHold | kActual, [&](const Wish& wish) { return close(call, wish); });
}

}  // namespace sluice::door::http
