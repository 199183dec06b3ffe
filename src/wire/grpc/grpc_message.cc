#include "wire/grpc/grpc_message.h"

namespace sluice::wire {

GrpcRead read_grpc_message(std::string_view& in, std::size_t bytes_max, GrpcMessage& message) {
  if (in.empty()) return GrpcRead::need_more;
  if (static_cast<unsigned char>(in[0]) > 1) return GrpcRead::bad_flag;
  if (in.size() < kGrpcPrefix) return GrpcRead::need_more;
  std::uint32_t size = 0;
  for (std::size_t i = 1; i < kGrpcPrefix; ++i) size = size << 8 | static_cast<unsigned char>(in[i]);
  if (size > bytes_max) return GrpcRead::too_large;
  if (in.size() - kGrpcPrefix < size) return GrpcRead::need_more;
  message = {.compressed = in[0] == 1, .bytes = in.substr(kGrpcPrefix, size)};
  in.remove_prefix(kGrpcPrefix + size);
  return GrpcRead::message;
}

void write_grpc_prefix(bool compressed, std::size_t size, std::span<char> to) {
  to[0] = compressed ? 1 : 0;
  for (std::size_t i = 1; i < kGrpcPrefix; ++i)
    to[i] = static_cast<char>(size >> (8 * (kGrpcPrefix - 1 - i)));
}

}  // namespace sluice::wire
