// grpc_message.h: messages on a gRPC stream: a flag (1: compressed), four bytes of length, the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::wire {

inline constexpr std::size_t kGrpcPrefix = 5;

enum class GrpcRead : std::uint8_t {
  need_more,  ///< `in` stays as it is.
  message,    ///< `in` has moved past it.
  bad_flag,   ///< The first byte is neither 0 nor 1.
  too_large,  ///< Its length is above the limit: seen as soon as the length is there.
};

struct GrpcMessage {
  bool compressed = false;
  std::string_view bytes;  ///< A view into `in`.
};

/// Reads at most one message off the front of `in`.
GrpcRead read_grpc_message(std::string_view& in, std::size_t bytes_max, GrpcMessage& message);

/// The five bytes in front of a message, at the beginning of `to`. REQUIRES: to.size() >= kGrpcPrefix, size <
/// 2^32.
void write_grpc_prefix(bool compressed, std::size_t size, std::span<char> to);

}  // namespace sluice::wire
