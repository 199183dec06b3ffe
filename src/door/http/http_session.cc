// One connection: reads requests, gathers their asks, writes the responses in order.
#include "door/http/answer.h"
#include "door/http/routes.h"
#include "door/http/session.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

using Event = wire::HttpParser::Event;

bool HttpSession::gather(std::string_view& rest, HttpBatch& batch, std::string& out) {
  std::uint64_t requests = 0;
  bool more = true;
  while (!last_word_said_ && !listening_ && !full(batch, out)) {
    const auto event = parser_.feed(rest);
    if (event == Event::need_more) {
      begun_ = !rest.empty();
      more = false;
      break;
    }
    if (event != Event::expects) ++requests;
    run(event, batch, out);
  }
  batch.rls.bind_keys(batch.asks);
  if (requests != 0) door_.count_requests(requests);
  return more && !listening_;
}

// What needs no store is written at once: to `out` if nothing before it waits for a decision, behind what
// does otherwise.
void HttpSession::run(Event event, HttpBatch& batch, std::string& out) {
  const bool first = batch.replies.empty();
  std::string& to = first ? out : batch.text;
  const std::size_t begin = to.size();
  switch (event) {
    case Event::request: {
      const auto& request = parser_.request();
      if (!request.keep_alive) last_word_said_ = true;
      Call call{.door = door_, .batch = batch, .request = request, .out = to, .now = now_, .gate = gate_};
      if (batch.traces.on())
        answer_traced(call);
      else
        answer_request(call);
      if (call.then == Call::Then::close) last_word_said_ = true;
      if (call.then == Call::Then::listen) listen();
      break;
    }
    case Event::expects:
      to.append(wire::kContinue);
      break;
    case Event::error:
      last_word_said_ = true;
      write_problem({.status = parser_.error().status, .detail = parser_.error().detail, .close = true}, to);
      break;
    case Event::need_more:
      break;
  }
  if (!first) batch.answered_in_text(begin);
}

void HttpSession::drain(std::string& out) {
  last_word_said_ = true;
  if (state_ == State::waiting && !waited_for_->replies.empty()) waited_for_->replies.back().close = true;
  if (state_ != State::reading) return;
  state_ = State::closing;
  if (begun_)
    write_problem({.status = 503, .detail = "this server is going down; ask another", .close = true}, out);
}

void HttpSession::expire(net::Expiry why, std::string& out) {
  if (state_ != State::reading) return;  // Of a session that waits, the store is late and not the peer.
  state_ = State::closing;
  if (why == net::Expiry::partial)
    write_problem({.status = 408, .detail = "the request was not finished in time", .close = true}, out);
}

}  // namespace sluice::door::http
