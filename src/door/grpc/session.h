// session.h: one connection's state. Inside the door only; others see net::Session.
#pragma once

#include <google/protobuf/message_lite.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/gate.h"
#include "door/batching.h"
#include "door/grpc/batch.h"
#include "door/grpc/call.h"
#include "door/grpc/grpc_door.h"
#include "wire/grpc/grpc_status.h"
#include "wire/http2/http2_server.h"

namespace sluice::door::grpc {

class GrpcSession final : public BatchingSession<GrpcDoor, GrpcBatch>, private wire::Http2Owner {
 public:
  GrpcSession(GrpcDoor& door, net::Host& host)
      : BatchingSession(door, host), gate_(door.tokens(), door.options().denials) {}
  ~GrpcSession() override;

  std::optional<Time> unfinished_since() override;
  std::size_t held() const override { return buffered_; }
  void drain(std::string& out) override;
  void expire(net::Expiry why, std::string& out) override;

  // For the methods (method.h).
  GrpcDoor& door() { return door_; }
  GrpcBatch& batch() { return *batch_; }  ///< While requests are being read.
  /// True: the call's token is not for this domain, and the call has failed.
  bool refuse_domain(GrpcCall& call, std::string_view domain);
  /// Ends the call without a message, or behind those that were sent.
  void fail(GrpcCall& call, wire::GrpcCode code, std::string_view message);
  /// Sends one message. The first one begins the response.
  void send(GrpcCall& call, const google::protobuf::MessageLite& message);
  /// No more of them: status 0.
  void finish(GrpcCall& call);
  /// Tells this call from now on how healthy we are.
  void watch(GrpcCall& call);

  // For the batch.
  void answer(GrpcBatch& batch, const Reply& reply);
  void flush(std::string& out);

 private:
  struct Begun {
    std::int32_t id;
    Time at;
  };

  bool gather(std::string_view& rest, GrpcBatch& batch, std::string& out) override;

  wire::Http2Stream& begin() override;
  void field(wire::Http2Stream& stream, std::string_view name, std::string_view value) override;
  void head(wire::Http2Stream& stream) override;
  void data(wire::Http2Stream& stream, std::string_view bytes) override;
  void ended(wire::Http2Stream& stream) override;
  void closed(wire::Http2Stream& stream) override;

  bool admit(GrpcCall& call);
  bool let_in(GrpcCall& call, access::Gate& gate);
  void expect(GrpcCall& call);
  void settle(GrpcCall& call);
  bool waited_for(const Begun& begun) const;
  bool read_messages(GrpcCall& call);
  bool unpack(GrpcCall& call, std::string_view& message);
  void refuse_in_http(GrpcCall& call, int status);
  void tell_watchers(bool serving);

  access::Gate gate_;
  bool shown_ = false, shown_twice_ = false;  // A token, in the head that is being read.
  std::optional<wire::Http2Server> http2_;    // From the first byte on.
  GrpcBatch* batch_ = nullptr;
  std::size_t buffered_ = 0;  // Bytes in all calls' `received`.
  std::uint64_t ended_ = 0;   // Calls, not yet reported to the door.
  std::vector<GrpcCall*> watchers_;
  std::size_t unfinished_ = 0;  // Calls.
  std::deque<Begun> begun_;     // They, in order, and some that are finished by now.
};

}  // namespace sluice::door::grpc
