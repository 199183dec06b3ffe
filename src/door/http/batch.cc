#include "door/http/batch.h"

#include "door/http/answer.h"
#include "door/http/why.h"
#include "wire/http_writer.h"

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
  const bool traced = traces.wanted(decisions);
  Explaining explaining{.on = explains, .version = {}, .shared = shared};
  if (limits != nullptr) explaining.version = limits->set->source().version;
  for (const Reply& reply : replies) {
    if (reply.form == Reply::Form::text) {
      out.append(text, reply.first, reply.count);
      continue;
    }
    if (reply.form == Reply::Form::page) {
      write_page(pages[reply.first], reply, out);
      continue;
    }
    if (traced) trace(reply);
    if (reply.form == Reply::Form::rls) {
      const rls::Part part{reply.first, reply.count};
      write_rls(rls, decisions, reply, options, body, out);
      if (counts.on()) rls::count(rls, asks, decisions, part, options, counts);
      continue;
    }
    if (reply.form == Reply::Form::why) {
      const Item& item = items[reply.first];
      body.clear();
      if (!item.version.empty()) explaining.version = item.version;
      append_why(item, asks[item.first].key, std::span(decisions).subspan(item.first, item.count), explaining,
                 body);
      wire::write_response({.content_type = "application/json",
                            .body = body,
                            .close = reply.close,
                            .head_only = reply.head_only},
                           out);
      continue;
    }
    const auto of_reply = std::span(items).subspan(reply.first, reply.count);
    for (Item& item : of_reply)
      if (item.hold) settle_place(item);
    write_reply(reply, of_reply, decisions, explaining, body, out);
    if (!counts.on()) continue;
    for (const Item& item : of_reply) count(item);
  }
  if (counts.on()) counts.report();
}

policy::Verdict HttpBatch::verdict_of(const Item& item) const {
  return policy::combine(std::span(decisions).subspan(item.first, item.count));
}

/// A hold whose tokens were refused is none. If the limit is in shadow mode it is one all the same, without
/// tokens.
void HttpBatch::settle_place(Item& item) {
  if (verdict_of(item).decision.allowed()) return;
  auto place = holds.close(*item.hold, call.now);
  item.hold.reset();
  if (!place || item.named->limit->mode != policy::Mode::shadow) return;
  place->payload.taken = false;
  const auto again = holds.open(std::move(place->payload), place->estimate, place->expiry, call.now);
  if (again) item.hold = *again;
}

void HttpBatch::count(const Item& item) {
  if (item.named == nullptr) return;
  counts.count(item.named->limit->name, asks[item.first], verdict_of(item),
               item.named->limit->mode == policy::Mode::shadow);
}

void HttpBatch::clear() {
  constexpr std::size_t kKept = 64 * 1024;  // Larger buffers are given back.
  clear_asks();
  items.clear();
  if (rls.policies != nullptr) rls.clear();
  replies.clear();
  text.clear();
  if (text.capacity() > kKept) text = {};
  if (body.capacity() > kKept) body = {};
  if (!kept.empty()) kept.clear();
  if (!pages.empty()) pages.clear();
  if (!rules.empty()) rules.clear();
  if (limits != nullptr) limits.reset();
}

}  // namespace sluice::door::http
