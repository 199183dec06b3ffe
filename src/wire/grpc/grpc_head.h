// grpc_head.h: the head of a gRPC call, as its fields come in: "gRPC over HTTP2" (grpc/grpc,
// doc/PROTOCOL-HTTP2.md).
//
//     GrpcHead head;
//     head.field(":path", "/grpc.health.v1.Health/Check");   // Each, in any order.
//     if (auto problem = head.check()) answer(*problem);
//
// Fields that are looked at; others are passed over:
//
//     content-type          application/grpc or application/grpc+proto, with parameters or without
//     grpc-timeout          1 to 8 digits and a unit: H M S m u n
//     grpc-encoding         identity or gzip: of the messages whose flag says compressed
//     grpc-accept-encoding  whether answers may be compressed by gzip
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/time.h"
#include "wire/grpc/grpc_status.h"

namespace sluice::wire {

/// Why a call is not even begun.
struct GrpcProblem {
  int http_status = 200;  ///< Other than 200: the peer speaks no gRPC, and is told so in HTTP.
  GrpcCode code = GrpcCode::ok;
  std::string_view message;
};

class GrpcHead {
 public:
  enum class Encoding : std::uint8_t { identity, gzip, unknown };

  void field(std::string_view name, std::string_view value);
  std::optional<GrpcProblem> check() const;
  /// Ready for another call.
  void clear();

  std::string_view path() const { return path_; }  ///< "/package.Service/Method".
  Encoding encoding() const { return encoding_; }
  bool accepts_gzip() const { return accepts_gzip_; }
  std::optional<Duration> timeout() const { return timeout_; }

 private:
  static constexpr std::size_t kPathMax = 256;  // Longer ones are no method of anybody's.
  std::string path_;
  bool post_ = false;
  bool grpc_ = false;
  bool bad_timeout_ = false;
  bool accepts_gzip_ = false;
  Encoding encoding_ = Encoding::identity;
  std::optional<Duration> timeout_;
};

/// "100m" is 100 ms. Nothing, if it is malformed.
std::optional<Duration> parse_grpc_timeout(std::string_view text);

}  // namespace sluice::wire
