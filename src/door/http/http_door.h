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
#include <string>
#include <string_view>
#include <vector>

#include "door/batching.h"
#include "door/holds.h"
#include "net/session.h"
#include "observe/decisions.h"
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
  const policy::CurrentPolicies* policies = nullptr;  ///< Null: /v1/explain answers 404.
  /// False: /readyz answers 503. Empty: always ready. Called on the session's thread, as is `metrics`.
  std::function<bool()> ready = {};
  std::function<std::string()> metrics = {};  ///< Prometheus text. Empty: /metrics answers 404.
};

namespace http {
struct HttpBatch;
struct NamedLimits;
}  // namespace http

/// Makes sessions, all on one thread, and holds what they share there. Not thread-safe but for requests().
class HttpDoor final : public net::SessionFactory {
 public:
  /// All that is passed by reference outlives the door; the door outlives its sessions and every decision
  /// they wait for. `decisions` may be null.
  HttpDoor(store::Store& store, const policy::Current& limits, HttpOptions options,
           observe::Decisions* decisions = nullptr);
  ~HttpDoor() override;

  std::unique_ptr<net::Session> session(net::Host& host, std::string_view peer) override;
  /// 503, and the connection closes.
  std::string_view refusal() const override { return refusal_; }

  /// Requests answered so far. Any thread may ask.
  std::uint64_t requests() const override { return requests_.load(std::memory_order_relaxed); }

  // For the sessions of this door.
  store::Store& store() { return store_; }
  const std::shared_ptr<const http::NamedLimits>& limits();  ///< Those in force now.
  const HttpOptions& options() const { return options_; }
  Holds& holds() { return *holds_; }
  observe::Decisions* decisions() { return decisions_; }
  BatchPool<http::HttpBatch>& batches() { return batches_; }
  void count_requests(std::uint64_t n) {
    // relaxed, and no read-modify-write: one thread alone writes, and nothing hangs on it.
    requests_.store(requests_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

 private:
  store::Store& store_;
  policy::View view_;
  std::shared_ptr<const http::NamedLimits> limits_;  // Made from what view_ gave last.
  const HttpOptions options_;
  const std::shared_ptr<Holds> holds_;
  observe::Decisions* const decisions_;
  std::string refusal_;  // Constant after construction.
  BatchPool<http::HttpBatch> batches_;
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace sluice::door
