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

  void drain(std::string& out) override;
  void expire(net::Expiry why, std::string& out) override;

 private:
  bool gather(std::string_view& rest, HttpBatch& batch, std::string& out) override;
  void run(wire::HttpParser::Event event, HttpBatch& batch, std::string& out);

  wire::HttpParser parser_;
  access::Gate gate_;
  bool begun_ = false;  // A request has come in part.
};

}  // namespace sluice::door::http
