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
#include <optional>
#include <string>
#include <string_view>

#include "access/gate.h"
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
  /// Who may ask; outlives the door, as does the next. Null: everyone may.
  const access::CurrentTokens* tokens = nullptr;
  access::Denials* denials = nullptr;  ///< Where calls that are turned away count. May be null.
  observe::Tracer* tracer = nullptr;   ///< This thread's; outlives the door. Null: nothing is traced.
};

namespace grpc {
struct GrpcBatch;
struct Workspace;
class GrpcCall;
}  // namespace grpc

class GrpcDoor final : public BatchingDoor<grpc::GrpcBatch, GrpcOptions> {
 public:
  GrpcDoor(store::Store& store, const policy::CurrentPolicies& policies, GrpcOptions options,
           observe::Decisions* decisions = nullptr);
  ~GrpcDoor() override;

  std::unique_ptr<net::Session> session(net::Host& host, std::string_view peer) override;
  /// SETTINGS and GOAWAY: gRPC's clients try elsewhere, or later.
  std::string_view refusal() const override;
  // For the sessions of this door.
  const std::shared_ptr<const policy::PolicySet>& policies() { return view_.get(); }  ///< Those in force now.
  grpc::Workspace& workspace() { return *workspace_; }
  access::TokensView* tokens() { return tokens_ ? &*tokens_ : nullptr; }
  bool ready() const { return !options().ready || options().ready(); }

 private:
  policy::PoliciesView view_;
  std::optional<access::TokensView> tokens_;
  std::unique_ptr<grpc::Workspace> workspace_;
};

}  // namespace sluice::door
