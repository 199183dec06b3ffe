#include "door/resp/resp_session.h"

#include <algorithm>

#include "door/resp/command.h"
#include "door/resp/session.h"

namespace sluice::door {

RespDoor::RespDoor(store::Store& store, const policy::Current& limits, RespOptions options,
                   observe::Decisions* decisions)
    : store_(store),
      view_(limits),
      latest_command_(std::make_unique<LatestCommand>()),
      options_(std::move(options)),
      decisions_(decisions) {}

RespDoor::~RespDoor() = default;

std::unique_ptr<net::Session> RespDoor::session(net::Host& host, std::string_view peer) {
  auto& ids = options_.client_ids == nullptr ? own_client_ids_ : *options_.client_ids;
  // relaxed: the numbers differ, that is all.
  const auto id = ids.fetch_add(1, std::memory_order_relaxed) + 1;
  return std::make_unique<RespSession>(*this, host, peer, id);
}

const std::shared_ptr<const NamedLimits>& RespDoor::limits() {
  const auto& set = view_.get();
  if (limits_ == nullptr || limits_->set != set) limits_ = std::make_shared<const NamedLimits>(set);
  return limits_;
}

std::unique_ptr<RespBatch> RespDoor::lend() {
  if (spare_.empty()) return std::make_unique<RespBatch>(*this);
  auto batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

void RespDoor::give_back(std::unique_ptr<RespBatch> batch) {
  constexpr std::size_t kSpareMax = 64;
  batch->clear();
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(batch));
}

void RespDoor::adopt(std::unique_ptr<RespBatch> batch) {
  batch->waiting = nullptr;
  batch->adopted = true;
  adopted_.push_back(std::move(batch));
}

void RespDoor::bury(RespBatch& adopted) {
  std::erase_if(adopted_, [&](const auto& batch) { return batch.get() == &adopted; });
}

RespSession::RespSession(RespDoor& door, net::Host& host, std::string_view peer, std::uint64_t id)
    : door_(door), host_(host), peer_(peer), id_(id), parser_(door.options().limits) {
  authenticate(door.options().password.empty());
}

RespSession::~RespSession() {
  if (waited_for_ != nullptr) door_.adopt(std::move(waited_for_));
}

void RespSession::reset() {
  version = wire::RespVersion::resp2;
  name.clear();
  authenticate(door_.options().password.empty());
}

std::size_t RespSession::feed(std::string_view in, Time now, std::string& out) {
  if (state_ == State::closing) return in.size();
  now_ = now;
  if (!born_) born_ = now;
  std::string_view rest = in;
  std::unique_ptr<RespBatch> batch;
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
bool RespSession::gather(std::string_view& rest, RespBatch& batch, std::string& out) {
  const std::size_t output_bytes_max = door_.options().output_bytes_max;
  std::uint64_t requests = 0;
  bool more = true;
  while (batch.asks.size() < kBatchAsks && batch.replies.size() < kBatchReplies && !last_word_said_ &&
         out.size() + batch.text.size() < output_bytes_max) {
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
  Call call{*this, door_, batch, parser_.args(), wire::RespWriter(to, version)};
  if (parser_.error().empty()) [[likely]]
    run_command(call);
  else
    call.reply.error(std::string("ERR ").append(parser_.error()));
  if (!first) batch.answered_in_text(begin);
}

// True if the decisions are here; otherwise the batch is kept and the session waits.
bool RespSession::decide(std::unique_ptr<RespBatch>& batch) {
  if (batch->asks.empty()) return true;
  batch->decisions.resize(batch->asks.size());
  batch->call = {.asks = batch->asks, .decisions = batch->decisions, .now = now_};
  door_.store().decide(batch->call, *batch);
  if (batch->done) return true;
  batch->waiting = this;
  waited_for_ = std::move(batch);
  state_ = State::waiting;
  return false;
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
