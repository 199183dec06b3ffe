// call.h: one gRPC call, from its first field to its last byte. Used again for other calls, with its buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "access/gate.h"
#include "observe/trace_context.h"
#include "sluice/time.h"
#include "wire/grpc/grpc_head.h"
#include "wire/http2/http2_server.h"

namespace sluice::door::grpc {

struct Method;

class GrpcCall final : public wire::Http2Stream {
 public:
  wire::GrpcHead head;
  const Method* method = nullptr;
  observe::TraceField traceparent;
  std::string received;                        ///< Of the request's body, what is no whole message yet.
  std::shared_ptr<const access::Scope> scope;  ///< Of the token; null: all domains.
  std::unique_ptr<access::Gate> gate;          ///< Of a stream, which has shown its token once. May be null.
  std::string message_text;                    ///< grpc-message, encoded: must stay until the call is closed.
  Time deadline = Time::max();
  Time begun;                  ///< Of the message that is unfinished.
  std::uint32_t messages = 0;  ///< Received so far.
  bool unfinished = false;     ///< Begun, and its message is not whole.
  bool packs = false;          ///< grpc-encoding: gzip was said of the response.
  bool watched = false;        ///< Health's Watch: what it was told last.

  void clear() {
    constexpr std::size_t kKept = 4096;  // Larger buffers are given back.
    reset_stream();
    head.clear();
    traceparent.clear();
    method = nullptr;
    scope.reset();
    gate.reset();
    received.clear();
    message_text.clear();
    deadline = Time::max();
    messages = 0;
    unfinished = packs = watched = false;
    if (received.capacity() > kKept) received = {};
    if (body.capacity() > kKept) body = {};
  }
};

}  // namespace sluice::door::grpc
