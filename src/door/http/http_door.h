// http_door.h: the HTTP door: JSON, the IETF's RateLimit fields, nginx's auth_request, health and metrics.
//
//     HttpDoor door(store, current_limits, {.version = "0.1.0"});   // One a listener and thread.
//     auto session = door.session(host, "192.0.2.7:51000");         // One a connection.
//     used = session->feed(bytes, now, out);
//
// What it answers is written in docs/http.md and openapi.json. How it works: a feed reads requests and
// gathers what they ask of the store, has the store decide it all at once, and writes all responses in the
// requests' order; and again, until the bytes are used up. Requests that need no store (/healthz) are
// answered in the same order. Time is feed's `now`: no clock is read here.
//
// A store that answers later: the session is `waiting` and has consumed nothing of that batch, whose keys are
// views into the connection's bytes. When the decisions are there it calls Host::resume(), and the next feed,
// with the same bytes in front, writes the responses and goes on.
//
// When `out` holds output_bytes_max or more, feed reads no further and says so by consuming less than it
// could: feed again once `out` is written, even without new bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/gate.h"
#include "door/batching.h"
#include "door/holds.h"
#include "door/http/live_feed.h"
#include "door/rls/options.h"
#include "net/session.h"
#include "observe/decisions.h"
#include "observe/history.h"
#include "policy/current.h"
#include "store/store.h"
#include "wire/http_parser.h"

namespace sluice::door {

struct HttpOptions {
  wire::HttpParser::Limits limits = {};
  std::size_t requests_max = 1000;  ///< In one {"requests":[...]}.
  std::size_t output_bytes_max =
      net::kSessionOutputPause;       ///< Responses not yet written, beyond which nothing is read.
  std::string version = "0.1.0";      ///< Sluice's own, in openapi.json.
  std::shared_ptr<Holds> holds = {};  ///< Of all doors of the server. Null: the door's own.
  /// Of Envoy's service; outlives the door. Null: there are none, and /v1/explain answers 404.
  const policy::CurrentPolicies* policies = nullptr;
  RlsOptions rls = {};
  /// False: /readyz answers 503. Empty: always ready. Called on the session's thread, as is `metrics`.
  std::function<bool()> ready = {};
  /// False: /readyz says that the shared store is away; it is 200 all the same. Empty: there is none.
  std::function<bool()> store_up = {};
  std::function<std::string()> metrics = {};  ///< Prometheus text. Empty: /metrics answers 404.
  bool explain = false;  ///< Each decision names the version of its limit and who decided.
  bool ui = true;        ///< Serves the dashboard at /ui.
  /// Who may ask; outlives the door, as does the next. Null: everyone may ask everything.
  const access::CurrentTokens* tokens = nullptr;
  access::Denials* denials = nullptr;  ///< Where requests that are turned away count. May be null.
  /// JSON: the heaviest keys of a limit, or of all if it is empty. Empty: /v1/top answers 404.
  std::function<std::string(std::string_view limit, bool by_refused, std::size_t n)> top = {};
  /// JSON: the latest refusals of a key. Empty: none are kept.
  std::function<std::string(std::string_view limit, std::string_view key, std::size_t n)> refusals = {};
  /// Has a query of the history answered, and calls what it is given once, on the session's thread, at once
  /// or later. False: too many wait. Empty: /v1/history answers 404.
  using HistoryTold = std::function<void(Result<std::string>)>;
  std::function<bool(observe::HistoryQuery, HistoryTold)> history = {};
  /// Reads the server's files again and calls what it is given once, on the session's thread: whether all
  /// were taken over. Empty: /v1/reload answers 404.
  std::function<void(std::function<void(bool)>)> reload = {};
  /// Sets the level of the log and gives the one before; "" if there is none of this name. Empty: 404.
  std::function<std::string(std::string_view level)> log_level = {};
  LiveFeed* live = nullptr;           ///< Of all doors; outlives them. Null: /v1/live answers 404.
  observe::Tracer* tracer = nullptr;  ///< This thread's; outlives the door. Null: nothing is traced.
};

namespace http {
struct HttpBatch;
class HttpSession;
struct NamedLimits;
}  // namespace http

class HttpDoor final : public BatchingDoor<http::HttpBatch, HttpOptions> {
 public:
  HttpDoor(store::Store& store, const policy::Current& limits, HttpOptions options,
           observe::Decisions* decisions = nullptr);
  ~HttpDoor() override;

  std::unique_ptr<net::Session> session(net::Host& host, std::string_view peer) override;
  /// 503, and the connection closes.
  std::string_view refusal() const override { return refusal_; }

  /// Once a second: an event for those who listen to /v1/live. On the sessions' thread.
  void tell_live(Time now);

  // For the sessions of this door.
  const std::shared_ptr<const http::NamedLimits>& limits();    ///< Those in force now.
  const std::shared_ptr<const policy::PolicySet>& policies();  ///< Those in force now.
  Holds& holds() { return *holds_; }
  access::TokensView* tokens() { return tokens_ ? &*tokens_ : nullptr; }
  /// To /v1/live, on this thread.
  std::vector<http::HttpSession*>& listeners() { return listeners_; }
  const std::shared_ptr<const std::string>& live_event(Time now);  ///< Made within the last second.

 private:
  policy::View view_;
  std::shared_ptr<const http::NamedLimits> limits_;  // Made from what view_ gave last.
  const policy::CurrentPolicies no_policies_;
  policy::PoliciesView policies_;
  const std::shared_ptr<Holds> holds_;
  std::optional<access::TokensView> tokens_;
  std::vector<http::HttpSession*> listeners_;
  std::shared_ptr<const std::string> event_;
  Time event_made_;
  std::string refusal_;  // Constant after construction.
};

}  // namespace sluice::door
