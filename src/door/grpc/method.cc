#include "door/grpc/method.h"

#include <array>

namespace sluice::door::grpc {

namespace {

constexpr std::array kMethods = {
    Method{"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", false, should_rate_limit,
           access::kToTake},
    Method{"/grpc.health.v1.Health/Check", false, health_check, access::kOpen},
    Method{"/grpc.health.v1.Health/Watch", false, health_watch, access::kOpen},
    Method{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, reflect_v1, access::kAnyToken},
    Method{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, reflect_v1alpha,
           access::kAnyToken},
};

}  // namespace

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view path) {
  for (const Method& method : kMethods)
    if (method.path == path) return &method;
  return nullptr;
}

}  // namespace sluice::door::grpc
