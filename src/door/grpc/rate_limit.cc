// ShouldRateLimit.
#include "door/grpc/method.h"
#include "door/grpc/workspace.h"

namespace sluice::door::grpc {

void should_rate_limit(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  using wire::GrpcCode;
  GrpcDoor& door = session.door();
  Workspace& workspace = door.workspace();
  if (!rls::read_request(bytes, workspace.scratch.asked))
    return session.fail(call, GrpcCode::internal,
                        "the message is no envoy.service.ratelimit.v3.RateLimitRequest");
  if (session.refuse_domain(call, workspace.scratch.asked.domain)) return;
  GrpcBatch& batch = session.batch();
  if (batch.traces.on()) batch.traces.begin(call.traceparent.parent());
  rls::Part part;
  const auto fault = rls::ask(workspace.scratch.asked, door.options().rls, door.policies(), workspace.scratch,
                              batch.requests, batch.asks, part);
  if (fault)
    return session.fail(call, fault->reference ? GrpcCode::unknown : GrpcCode::invalid_argument,
                        fault->message);
  batch.replies.push_back({call.id, part});
  if (batch.traces.on()) batch.traces.asks(batch.replies.size(), call.method->path);
}

}  // namespace sluice::door::grpc
