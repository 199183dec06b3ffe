#include "door/grpc/grpc_door.h"

#include <google/protobuf/stubs/logging.h>

#include "door/grpc/session.h"
#include "door/grpc/workspace.h"

namespace sluice::door {

GrpcDoor::GrpcDoor(store::Store& store, const policy::CurrentPolicies& policies, GrpcOptions options,
                   observe::Decisions* decisions)
    : BatchingDoor(store, std::move(options), decisions),
      view_(policies),
      workspace_(std::make_unique<grpc::Workspace>()) {
  if (this->options().tokens != nullptr) tokens_.emplace(*this->options().tokens);
  // Else protobuf writes a line to standard error for each string that is not UTF-8, and peers send what they
  // like.
  google::protobuf::SetLogHandler(nullptr);
}

GrpcDoor::~GrpcDoor() = default;

std::unique_ptr<net::Session> GrpcDoor::session(net::Host& host, std::string_view) {
  return std::make_unique<grpc::GrpcSession>(*this, host);
}

std::string_view GrpcDoor::refusal() const {
  static constexpr std::string_view kRefusal(
      "\0\0\0\x04\0\0\0\0\0"                      // SETTINGS, empty.
      "\0\0\x4b\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b"  // GOAWAY: no stream was processed, ENHANCE_YOUR_CALM.
      "as many connections are open as this server takes; come again later",
      9 + 9 + 75);
  return kRefusal;
}

}  // namespace sluice::door
