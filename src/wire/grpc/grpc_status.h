// grpc_status.h: how a call ended, as gRPC says it in the fields grpc-status and grpc-message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

/// Those that are used here; the numbers are gRPC's (its document "Status codes and their use in gRPC").
enum class GrpcCode : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16,
};

/// "0" to "16"; lasts for ever.
std::string_view grpc_code_text(GrpcCode code);

/// Percent-encodes what grpc-message may not hold as it is: bytes outside of printable ASCII, and '%'.
void append_grpc_message(std::string_view message, std::string& out);

}  // namespace sluice::wire
