#include "door/http/batch.h"

#include "door/http/answer.h"
#include "door/http/session.h"

namespace sluice::door::http {

void HttpBatch::decided() {
  done = true;
  if (waiting != nullptr)
    waiting->wake();
  else if (adopted)
    door.bury(*this);  // Deletes this.
}

void HttpBatch::answered_in_text(std::size_t begin) {
  const auto bytes = static_cast<std::uint32_t>(text.size() - begin);
  if (bytes == 0) return;
  if (!replies.empty() && replies.back().form == Reply::Form::text)
    replies.back().count += bytes;
  else
    replies.push_back({.first = static_cast<std::uint32_t>(begin), .count = bytes});
}

void HttpBatch::write(std::string& out) {
  for (const Reply& reply : replies) {
    if (reply.form == Reply::Form::text) {
      out.append(text, reply.first, reply.count);
      continue;
    }
    const auto of_reply = std::span(items).subspan(reply.first, reply.count);
    write_reply(reply, of_reply, decisions, body, out);
    if (door.decisions() == nullptr) continue;
    for (const Item& item : of_reply) count(item);
  }
  report();
}

void HttpBatch::count(const Item& item) {
  if (item.named == nullptr) return;
  const store::Ask& ask = asks[item.first];
  if (ask.amount == 0 || ask.op == Op::peek || ask.op == Op::refund || ask.op == Op::reset) return;
  if (counted_limit_ != item.named->limit) {
    report();
    counted_limit_ = item.named->limit;
  }
  const auto chain = std::span<const Decision>(decisions).subspan(item.first, item.count);
  ++counts_[static_cast<std::size_t>(policy::combine(chain).decision.outcome)];
}

void HttpBatch::report() {
  for (std::size_t i = 0; i < std::size(counts_); ++i) {
    if (counts_[i] != 0) door.decisions()->decided(counted_limit_->name, static_cast<Outcome>(i), counts_[i]);
    counts_[i] = 0;
  }
  counted_limit_ = nullptr;
}

void HttpBatch::clear() {
  constexpr std::size_t kKept = 64 * 1024;  // Larger buffers are given back.
  waiting = nullptr;
  done = false;
  asks.clear();
  items.clear();
  replies.clear();
  text.clear();
  if (text.capacity() > kKept) text = {};
  if (body.capacity() > kKept) body = {};
  if (!kept.empty()) kept.clear();
  if (limits != nullptr) limits.reset();
}

}  // namespace sluice::door::http
