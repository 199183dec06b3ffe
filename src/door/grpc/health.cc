// grpc.health.v1: whether this server takes traffic.
#include "door/grpc/method.h"
#include "grpc/health/v1/health.pb.h"

namespace sluice::door::grpc {

namespace {

namespace health = ::grpc::health::v1;

/// The server as a whole; the service; and what envoyproxy/ratelimit calls it, which is in people's probes.
bool known(std::string_view service) {
  return service.empty() || service == "envoy.service.ratelimit.v3.RateLimitService" ||
         service == "ratelimit";
}

bool read(GrpcSession& session, GrpcCall& call, std::string_view bytes, health::HealthCheckRequest& request) {
  if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
  session.fail(call, wire::GrpcCode::internal, "the message is no grpc.health.v1.HealthCheckRequest");
  return false;
}

}  // namespace

void send_health(GrpcSession& session, GrpcCall& call, bool serving) {
  health::HealthCheckResponse response;
  response.set_status(serving ? health::HealthCheckResponse::SERVING
                              : health::HealthCheckResponse::NOT_SERVING);
  session.send(call, response);
}

void health_check(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  health::HealthCheckRequest request;
  if (!read(session, call, bytes, request)) return;
  if (!known(request.service()))
    return session.fail(call, wire::GrpcCode::not_found, "unknown service " + request.service());
  send_health(session, call, session.door().ready());
  session.finish(call);
}

void health_watch(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  health::HealthCheckRequest request;
  if (!read(session, call, bytes, request)) return;
  if (!known(request.service())) {  // It may become known, says the protocol; here it never does.
    health::HealthCheckResponse response;
    response.set_status(health::HealthCheckResponse::SERVICE_UNKNOWN);
    return session.send(call, response);
  }
  session.watch(call);
  send_health(session, call, call.watched);
}

}  // namespace sluice::door::grpc
