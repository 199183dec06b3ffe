// fuzz_grpc.cc: any bytes, given to the gRPC door in pieces, as HTTP/2 frames or as the body of a good call.
// Nothing breaks, what comes back is whole frames, and it is bounded. The first byte chooses the form and the
// pieces' length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "door/grpc/testing.h"

using namespace sluice;

namespace {

/// A head by HPACK's static table and literals: POST, http, the path, gzip if the message says so.
std::string head(std::string_view path) {
  std::string block("\x83\x86\x04", 3);
  block += static_cast<char>(path.size());
  block += path;
  block += std::string("\x41\x01t\x0f\x10\x10", 6) + "application/grpc";
  return block + std::string("\0\x0dgrpc-encoding\x04gzip", 20) +
         std::string("\0\x14grpc-accept-encoding\x04gzip", 27);
}

std::string call(std::string_view path, std::string_view body, std::size_t piece) {
  std::string frames = std::string(wire::kHttp2Preface) + wire::http2_frame(4, 0, 0, "") +
                       wire::http2_frame(1, 4, 1, head(path));
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size())))
    frames += wire::http2_frame(0, 0, 1, body.substr(0, piece));
  return frames + wire::http2_frame(0, 1, 1, "");
}

void check_frames(std::string_view out) {
  while (!out.empty()) {
    if (out.size() < 9) std::abort();
    std::size_t size = 0;
    for (int i = 0; i < 3; ++i)
      size = size << 8 | static_cast<unsigned char>(out[static_cast<std::size_t>(i)]);
    if (size > 16384 || out.size() < 9 + size) std::abort();
    out.remove_prefix(9 + size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = 1 + 7 * (data[0] >> 2);
  std::string bytes;
  switch (data[0] & 3) {
    case 0:
      bytes = std::string(in);
      break;
    case 1:
      bytes = std::string(wire::kHttp2Preface) + wire::http2_frame(4, 0, 0, "") + std::string(in);
      break;
    case 2:
      bytes = call(door::grpc::kShouldRateLimit, in, piece);
      break;
    default:
      bytes = call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", in, piece);
  }
  auto closed = door::grpc::test_rule(0, policy::Unit::second);
  door::grpc::TestDoor door(
      {door::grpc::test_descriptor("user", "", door::grpc::test_rule(5, policy::Unit::minute)),
       door::grpc::test_descriptor("shut", "", std::move(closed))},
      {.message_bytes_max = 2048,
       .buffered_bytes_max = 4096,
       .gzip_from = 64,
       .rls = {.descriptors_max = 8, .x_ratelimit_fields = true, .ratelimit_fields = true}});
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    out += door.raw(std::string_view(bytes).substr(at, piece));
  if (data[0] & 4) door.session->drain(out);
  out += door.raw("");
  door.session->expire(net::Expiry::idle, out);
  check_frames(out);
  if (out.size() > 4096 + 600 * bytes.size()) std::abort();  // Reflection's answers are the longest.
  return 0;
}
