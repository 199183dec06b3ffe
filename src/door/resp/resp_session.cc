#include "door/resp/resp_session.h"

#include <algorithm>

#include "door/resp/command.h"
#include "door/resp/session.h"

namespace sluice::door {

RespDoor::RespDoor(store::Store& store, const policy::Current& limits, RespOptions options,
                   observe::Decisions* decisions)
    : BatchingDoor(store, std::move(options), decisions),
      view_(limits),
      latest_command_(std::make_unique<LatestCommand>()),
      // No limit can be called so: '#' is not allowed in names.
      throttle_family_("#throttle", 0, this->options().on_store_failure, this->options().consistency) {
  if (this->options().tokens != nullptr) tokens_.emplace(*this->options().tokens);
}

RespDoor::~RespDoor() = default;

std::unique_ptr<net::Session> RespDoor::session(net::Host& host, std::string_view peer) {
  auto& ids = options().client_ids == nullptr ? own_client_ids_ : *options().client_ids;
  // relaxed: the numbers differ, that is all.
  const auto id = ids.fetch_add(1, std::memory_order_relaxed) + 1;
  return std::make_unique<RespSession>(*this, host, peer, id);
}

const std::shared_ptr<const NamedLimits>& RespDoor::limits() {
  const auto& set = view_.get();
  if (limits_ == nullptr || limits_->set != set) limits_ = std::make_shared<const NamedLimits>(set);
  return limits_;
}

RespSession::RespSession(RespDoor& door, net::Host& host, std::string_view peer, std::uint64_t id)
    : BatchingSession(door, host), peer_(peer), id_(id), parser_(door.options().limits) {
  authenticate(door.open_to_all());
}

void RespSession::reset() {
  version = wire::RespVersion::resp2;
  name.clear();
  authenticate(door_.open_to_all());
}

std::size_t RespSession::feed(std::string_view in, Time now, std::string& out) {
  if (!born_) born_ = now;
  return BatchingSession::feed(in, now, out);
}

/// The tokens in force may have changed: who was let in by one that is gone has to say again who it is.
void RespSession::look_up_again() {
  const auto& now = door_.tokens()->get();
  if (now == tokens_) return;
  if (const auto* const same = now->find(token_->digest))
    authenticate(*same);
  else
    authenticate(false);
}

bool RespSession::gather(std::string_view& rest, RespBatch& batch, std::string& out) {
  if (token_ != nullptr) look_up_again();
  std::uint64_t requests = 0;
  bool more = true;
  while (!last_word_said_ && !full(batch, out)) {
    const auto event = parser_.feed(rest);
    if (event == wire::RespParser::Event::need_more) {
      more = false;
      break;
    }
    ++requests;
    run(batch, out);
    if (event == wire::RespParser::Event::error) hang_up();
    // Decoded arguments last until the next feed of the parser, and an ask keeps a view of its key.
    if (parser_.transient() && !batch.asks.empty()) break;
  }
  if (requests != 0) door_.count_requests(requests);
  return more;
}

// One request, or the parser's error. What needs no store is written at once: to `out` if nothing before it
// waits for a decision, behind what does otherwise.
void RespSession::run(RespBatch& batch, std::string& out) {
  const bool first = batch.replies.empty();
  std::string& to = first ? out : batch.text;
  const std::size_t begin = to.size();
  const std::size_t replies = batch.replies.size();
  Call call{*this, door_, batch, parser_.args(), wire::RespWriter(to, version)};
  if (parser_.error().empty()) [[likely]] {
    if (batch.traces.on()) batch.traces.begin({});  // RESP has no place for a traceparent.
    run_command(call);
    if (batch.traces.begun() && batch.replies.size() > replies)
      batch.traces.asks(batch.replies.size(), door_.latest_command().find(call.args[0])->name);
  } else
    call.reply.error(std::string("ERR ").append(parser_.error()));
  if (!first) batch.answered_in_text(begin);
}

void RespSession::drain(std::string&) {
  last_word_said_ = true;  // RESP has no word of farewell.
  if (state_ == State::reading) state_ = State::closing;
}

void RespSession::expire(net::Expiry why, std::string& out) {
  if (state_ != State::reading) return;  // Of a session that waits, the store is late and not the peer.
  state_ = State::closing;
  if (why == net::Expiry::partial)
    wire::RespWriter(out, version).error("ERR Protocol error: the request was not finished in time");
}

}  // namespace sluice::door
