// workspace.h: what one thread's sessions use over and over: messages, calls, buffers. Protobuf's messages
// keep their memory over Clear(), so that a usual call allocates nothing.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "door/grpc/call.h"
#include "door/rls/requests.h"
#include "wire/grpc/gzip.h"

namespace sluice::door::grpc {

struct Workspace {
  std::unique_ptr<GrpcCall> lend() {
    if (calls.empty()) return std::make_unique<GrpcCall>();
    auto call = std::move(calls.back());
    calls.pop_back();
    return call;
  }
  void give_back(std::unique_ptr<GrpcCall> call) {
    constexpr std::size_t kSpareMax = 512;
    call->clear();
    if (calls.size() < kSpareMax) calls.push_back(std::move(call));
  }
  /// After a response of unusual size, whose memory would stay for ever.
  void shrink(std::size_t bytes) {
    constexpr std::size_t kUsual = 16 * 1024;
    if (bytes <= kUsual) return;
    response = std::make_unique<rls::Response>();
  }

  std::unique_ptr<rls::Response> response = std::make_unique<rls::Response>();
  rls::Scratch scratch;
  std::string unpacked;  ///< A message that came compressed.
  wire::Gzip gzip;
  std::vector<std::unique_ptr<GrpcCall>> calls;  ///< Spare ones.
};

}  // namespace sluice::door::grpc
