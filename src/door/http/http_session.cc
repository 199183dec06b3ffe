// One connection: reads requests, gathers their asks, writes the responses in order.
#include "door/http/answer.h"
#include "door/http/routes.h"
#include "door/http/session.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

using Event = wire::HttpParser::Event;

HttpSession::~HttpSession() {
  if (waited_for_ != nullptr) door_.adopt(std::move(waited_for_));
}

std::size_t HttpSession::feed(std::string_view in, Time now, std::string& out) {
  if (state_ == State::closing) return in.size();
  now_ = now;
  std::string_view rest = in;
  std::unique_ptr<HttpBatch> batch;
  if (waited_for_ != nullptr) {
    if (!waited_for_->done) return 0;
    batch = std::move(waited_for_);
    batch->write(out);
    batch->clear();
    rest.remove_prefix(waited_bytes_);
    state_ = last_word_said_ ? State::closing : State::reading;
  } else {
    batch = door_.lend();
  }

  bool more = true;
  while (more && state_ == State::reading && out.size() < door_.options().output_bytes_max) {
    const std::string_view before = rest;
    more = gather(rest, *batch, out);
    if (!batch->replies.empty()) {
      if (!decide(batch)) {
        waited_bytes_ = before.size() - rest.size();
        return in.size() - before.size();
      }
      batch->write(out);
      batch->clear();
    }
    if (last_word_said_) state_ = State::closing;
  }
  door_.give_back(std::move(batch));
  return state_ == State::closing ? in.size() : in.size() - rest.size();
}

// Reads requests until a batch is full. False: there is no further whole request.
bool HttpSession::gather(std::string_view& rest, HttpBatch& batch, std::string& out) {
  const std::size_t output_bytes_max = door_.options().output_bytes_max;
  std::uint64_t requests = 0;
  bool more = true;
  while (batch.asks.size() < kBatchAsks && batch.replies.size() < kBatchReplies && !last_word_said_ &&
         out.size() + batch.text.size() < output_bytes_max) {
    const auto event = parser_.feed(rest);
    if (event == Event::need_more) {
      begun_ = !rest.empty();
      more = false;
      break;
    }
    if (event != Event::expects) ++requests;
    run(event, batch, out);
  }
  if (requests != 0) door_.count_requests(requests);
  return more;
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
      Call call{.door = door_, .batch = batch, .request = request, .out = to};
      answer_request(call);
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

// True if the decisions are here; otherwise the batch is kept and the session waits.
bool HttpSession::decide(std::unique_ptr<HttpBatch>& batch) {
  if (batch->asks.empty()) return true;  // All that was asked for are limits that do not exist.
  batch->decisions.resize(batch->asks.size());
  batch->call = {.asks = batch->asks, .decisions = batch->decisions, .now = now_};
  door_.store().decide(batch->call, *batch);
  if (batch->done) return true;
  batch->waiting = this;
  waited_for_ = std::move(batch);
  state_ = State::waiting;
  return false;
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
