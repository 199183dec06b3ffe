// session.h: one connection's state. Inside the door only; others see net::Session.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "access/gate.h"
#include "door/http/batch.h"
#include "door/http/http_door.h"
#include "wire/http_parser.h"

namespace sluice::door::http {

class HttpSession final : public BatchingSession<HttpDoor, HttpBatch> {
 public:
  HttpSession(HttpDoor& door, net::Host& host)
      : BatchingSession(door, host),
        parser_(door.options().limits),
        gate_(door.tokens(), door.options().denials) {}
  ~HttpSession() override;

  std::size_t feed(std::string_view in, Time now, std::string& out) override;
  bool streaming() const override { return listening_; }
  void drain(std::string& out) override;
  void expire(net::Expiry why, std::string& out) override;

  /// Of a listener to /v1/live: the next event, instead of one that is not written yet. Ends instead, if its
  /// token has been withdrawn or lacks the role by now.
  void tell(const std::shared_ptr<const std::string>& event);

 private:
  using Batching = BatchingSession<HttpDoor, HttpBatch>;
  bool gather(std::string_view& rest, HttpBatch& batch, std::string& out) override;
  void run(wire::HttpParser::Event event, HttpBatch& batch, std::string& out);
  void listen();
  void write_event(bool behind, std::string& out);

  wire::HttpParser parser_;
  access::Gate gate_;
  bool begun_ = false;                        // A request has come in part.
  bool listening_ = false;                    // To /v1/live: what else comes is not read.
  bool sent_away_ = false;                    // Its token is good no longer.
  int missed_ = 0;                            // Events in a row, since the peer has not read the one before.
  std::shared_ptr<const std::string> event_;  // Not written yet.
};

}  // namespace sluice::door::http
