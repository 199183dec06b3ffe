// session.h: one connection's state. Inside the door only; others see net::Session.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "door/resp/batch.h"
#include "door/resp/resp_session.h"
#include "wire/resp_parser.h"
#include "wire/resp_writer.h"

namespace sluice::door {

/// A word that clients know from Redis, whose libraries make an exception of its own of it.
inline constexpr std::string_view kOverloaded = "BUSY this server is overloaded; try again in a second";

class RespSession final : public BatchingSession<RespDoor, RespBatch> {
 public:
  RespSession(RespDoor& door, net::Host& host, std::string_view peer, std::uint64_t id);

  std::size_t feed(std::string_view in, Time now, std::string& out) override;
  void drain(std::string& out) override;
  void expire(net::Expiry why, std::string& out) override;

  // What commands read and change.
  wire::RespVersion version = wire::RespVersion::resp2;
  std::string name;
  std::string library_name;
  std::string library_version;
  std::uint64_t id() const { return id_; }
  std::string_view peer() const { return peer_; }
  std::int64_t age_seconds() const { return (now_ - born_.value_or(now_)).count() / 1'000'000'000; }
  bool authenticated() const { return authenticated_; }
  /// Whom it is authenticated as. Null: the user "default", who may all, if anyone.
  const access::Token* token() const { return token_; }
  void authenticate(bool yes) {
    authenticated_ = yes;
    token_ = nullptr;
    parser_.trust(yes);
  }
  /// REQUIRES: the token is one of the door's tokens in force.
  void authenticate(const access::Token& token) {
    authenticate(true);
    tokens_ = door_.tokens()->get();
    token_ = &token;
  }
  /// As a new connection is: RESP2, no name, the password to be given again.
  void reset();
  /// No request after this one is read; when the replies are written, the connection closes.
  void hang_up() { last_word_said_ = true; }

 private:
  bool gather(std::string_view& rest, RespBatch& batch, std::string& out) override;
  void run(RespBatch& batch, std::string& out);
  void look_up_again();

  const std::string peer_;
  const std::uint64_t id_;
  wire::RespParser parser_;
  bool authenticated_ = false;
  std::shared_ptr<const access::TokenSet> tokens_;  // Which keeps token_.
  const access::Token* token_ = nullptr;
  std::optional<Time> born_;  // The first feed.
};

}  // namespace sluice::door
