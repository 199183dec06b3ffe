// GET /v1/live: server-sent events. The connection stays, and the response ends with it.
#include "door/http/asking.h"
#include "door/http/routes.h"
#include "door/http/session.h"

namespace sluice::door {

namespace {

// Ends with the connection and not by chunks: HTTP/1.0 and every proxy understand it.
constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n";
constexpr Duration kEventLasts = std::chrono::seconds(1);

}  // namespace

namespace http {

void live(Call& call) {
  LiveFeed* const feed = call.door.options().live;
  if (feed == nullptr) return refuse(call, 404, "this server tells nothing live");
  if (from_foreign_page(call.request))
    return refuse(call, 403, "a web page of another origin may not listen");
  if (call.head_only()) {
    call.out.append(kHead);
    call.then = Call::Then::close;
    return;
  }
  if (!feed->enter())
    return refuse(call, 503, "as many listen as this server takes; come again when one has gone",
                  "Retry-After: 5\r\n");
  call.out.append(kHead).append("retry: 2000\n\n");
  call.then = Call::Then::listen;
}

void HttpSession::listen() {
  listening_ = true;
  door_.listeners().push_back(this);
  event_ = door_.live_event(now_);
}

HttpSession::~HttpSession() {
  if (!listening_) return;
  std::erase(door_.listeners(), this);
  door_.options().live->leave();
}

void HttpSession::tell(const std::shared_ptr<const std::string>& event) {
  if (sent_away_) return;
  if (gate_.on()) {
    gate_.look_again();
    sent_away_ = gate_.refuses(kToListen).has_value();
  }
  event_ = event;
  host_.resume();
}

/// Each event has the totals, so one that is left out is not missed.
void HttpSession::write_event(bool behind, std::string& out) {
  if (sent_away_) state_ = State::closing;
  if (event_ == nullptr || sent_away_) return;
  const auto event = std::move(event_);
  if (!behind) {
    out.append(*event);
    missed_ = 0;
  } else if (++missed_ >= kLiveMissedMax) {
    state_ = State::closing;
  }
}

std::size_t HttpSession::feed(std::string_view in, Time now, std::string& out) {
  const bool behind = !out.empty();
  const std::size_t used = listening_ && state_ == State::reading ? in.size() : Batching::feed(in, now, out);
  if (!listening_ || state_ != State::reading) return used;
  write_event(behind, out);
  return in.size();
}

}  // namespace http

const std::shared_ptr<const std::string>& HttpDoor::live_event(Time now) {
  if (event_ == nullptr || now - event_made_ >= kEventLasts) {
    event_ = std::make_shared<const std::string>("data: " + options().live->event() + "\n\n");
    event_made_ = now;
  }
  return event_;
}

void HttpDoor::tell_live(Time now) {
  if (listeners_.empty()) {
    event_.reset();
    return;
  }
  event_made_ = {};
  const auto event = live_event(now);
  for (http::HttpSession* session : listeners_) session->tell(event);
}

}  // namespace sluice::door
