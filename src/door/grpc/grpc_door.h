// grpc_door.h: the gRPC door: Envoy's rate limit service, gRPC's health service, server reflection.
//
//     GrpcDoor door(store, current_policies, {});               // One a listener and thread.
//     auto session = door.session(host, "192.0.2.7:51000");     // One a connection.
//     used = session->feed(bytes, now, out);
//
// What it answers is written in docs/grpc.md. How it works: a feed gives nghttp2 a few kilobytes at a time;
// all calls that these bring become one batch of asks, which the store decides at once; then all responses
// are written. Time is feed's `now`: no clock is read here.
//
// A store that answers later: the session is `waiting`, and reads nothing more until the decisions are there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "door/batching.h"
#include "door/rls/options.h"
#include "net/session.h"
#include "observe/decisions.h"
#include "policy/current.h"
#include "store/store.h"
#include "wire/http2/http2_server.h"

namespace sluice::door {

struct GrpcOptions {
  wire::Http2Server::Limits http2 = {};
  std::size_t message_bytes_max = 256 * 1024;    ///< Of one message, unpacked as well.
  std::size_t buffered_bytes_max = 1024 * 1024;  ///< Unfinished messages of one connection.
  std::size_t gzip_from = 1024;  ///< Messages from so many bytes on are packed for who takes it.
  std::size_t output_bytes_max = net::kSessionOutputPause;

  RlsOptions rls = {};
  /// False: health is NOT_SERVING. Empty: always serving. Called on the session's thread.
  std::function<bool()> ready = {};
};

namespace grpc {
struct GrpcBatch;
struct Workspace;
class GrpcCall;
}  // namespace grpc

/// Makes sessions, all on one thread, and holds what they share there. Not thread-safe but for requests().
class GrpcDoor final : public net::SessionFactory {
 public:
  /// All that is passed by reference outlives the door; the door outlives its sessions and every decision
  /// they wait for. `decisions` may be null.
  GrpcDoor(store::Store& store, const policy::CurrentPolicies& policies, GrpcOptions options,
           observe::Decisions* decisions = nullptr);
  ~GrpcDoor() override;

  std::unique_ptr<net::Session> session(net::Host& host, std::string_view peer) override;
  /// SETTINGS and GOAWAY: gRPC's clients try elsewhere, or later.
  std::string_view refusal() const override;
  /// Calls answered so far. Any thread may ask.
  std::uint64_t requests() const override { return requests_.load(std::memory_order_relaxed); }

  // For the sessions of this door.
  store::Store& store() { return store_; }
  const std::shared_ptr<const policy::PolicySet>& policies() { return view_.get(); }  ///< Those in force now.
  const GrpcOptions& options() const { return options_; }
  observe::Decisions* decisions() { return decisions_; }
  BatchPool<grpc::GrpcBatch>& batches() { return batches_; }
  grpc::Workspace& workspace() { return *workspace_; }
  bool ready() const { return !options_.ready || options_.ready(); }
  void count_requests(std::uint64_t n) {
    // relaxed, and no read-modify-write: one thread alone writes, and nothing hangs on it.
    requests_.store(requests_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

 private:
  store::Store& store_;
  policy::PoliciesView view_;
  const GrpcOptions options_;
  observe::Decisions* const decisions_;
  std::unique_ptr<grpc::Workspace> workspace_;
  BatchPool<grpc::GrpcBatch> batches_;
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace sluice::door
