// session.h: one connection's state. Inside the door only; others see net::Session.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "door/http/batch.h"
#include "door/http/http_door.h"
#include "wire/http_parser.h"

namespace sluice::door::http {

class HttpSession final : public net::Session {
 public:
  HttpSession(HttpDoor& door, net::Host& host) : door_(door), host_(host), parser_(door.options().limits) {}
  ~HttpSession() override;

  std::size_t feed(std::string_view in, Time now, std::string& out) override;
  State state() const override { return state_; }
  void drain(std::string& out) override;
  void expire(net::Expiry why, std::string& out) override;

  /// The batch that this session waits for is decided.
  void wake() { host_.resume(); }

 private:
  bool gather(std::string_view& rest, HttpBatch& batch, std::string& out);
  void run(wire::HttpParser::Event event, HttpBatch& batch, std::string& out);
  bool decide(std::unique_ptr<HttpBatch>& batch);

  HttpDoor& door_;
  net::Host& host_;
  wire::HttpParser parser_;
  State state_ = State::reading;
  bool last_word_said_ = false;
  bool begun_ = false;  // A request has come in part.
  Time now_;
  std::unique_ptr<HttpBatch> waited_for_;  // With the store.
  std::size_t waited_bytes_ = 0;           // How much of `in` its requests take up.
};

}  // namespace sluice::door::http
