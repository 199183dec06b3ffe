// method.h: the table of what can be called.
#pragma once

#include <span>
#include <string_view>

#include "door/grpc/session.h"

namespace sluice::door::grpc {

struct Method {
  std::string_view path;  ///< "/package.Service/Method"
  bool client_streams;  ///< Messages are answered as they come; otherwise there is one, answered at the end.
  /// One whole message, unpacked.
  void (*message)(GrpcSession& session, GrpcCall& call, std::string_view bytes);
  access::Need need;  ///< Of a token, where there are tokens.
};

std::span<const Method> methods();
/// Null if there is none.
const Method* find_method(std::string_view path);

// rate_limit.cc,
void should_rate_limit(GrpcSession& session, GrpcCall& call, std::string_view bytes);
// health.cc,
void health_check(GrpcSession& session, GrpcCall& call, std::string_view bytes);
void health_watch(GrpcSession& session, GrpcCall& call, std::string_view bytes);
void send_health(GrpcSession& session, GrpcCall& call, bool serving);
// reflection.cc.
void reflect_v1(GrpcSession& session, GrpcCall& call, std::string_view bytes);
void reflect_v1alpha(GrpcSession& session, GrpcCall& call, std::string_view bytes);

}  // namespace sluice::door::grpc
