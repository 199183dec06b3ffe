#include "door/http/batch.h"

#include "door/http/answer.h"

namespace sluice::door::http {

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
    if (!counts.on()) continue;
    for (const Item& item : of_reply) count(item);
  }
  counts.report();
}

void HttpBatch::count(const Item& item) {
  if (item.named == nullptr) return;
  const auto chain = std::span<const Decision>(decisions).subspan(item.first, item.count);
  counts.count(item.named->limit->name, asks[item.first], policy::combine(chain).decision.outcome);
}

void HttpBatch::clear() {
  constexpr std::size_t kKept = 64 * 1024;  // Larger buffers are given back.
  clear_asks();
  items.clear();
  replies.clear();
  text.clear();
  if (text.capacity() > kKept) text = {};
  if (body.capacity() > kKept) body = {};
  if (!kept.empty()) kept.clear();
  if (limits != nullptr) limits.reset();
}

}  // namespace sluice::door::http
