// link.h: one connection to a Redis or Valkey server, without the connection: bytes in, bytes out. Greets,
// then gives commands and their callers to each other in order.
//
//     Link link(options);
//     link.open();                      connected: the greeting lies in the output
//     link.take_output(bytes);          write them; from here on they may have been read
//     link.feed(bytes)                  what came; callers hear of their replies
//     link.state()                      after each feed: ready, or failed (see why(), then close)
//     link.close(why)                   whoever waits is told what is known; open() may follow
//
// The greeting: HELLO 3 with AUTH and SETNAME; where that is not known or not allowed, AUTH, CLIENT SETNAME
// and ROLE in RESP2. Then SELECT if a database is wanted, and PING, which a server that is still loading
// refuses. Why a greeting failed is told with the mend, and never with the user's name or password.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/node.h"
#include "redis/reply_parser.h"
#include "redis/url.h"

namespace sluice::redis {

class Link {
 public:
  enum class State : std::uint8_t {
    idle,      ///< No connection.
    greeting,  ///< Connected; not ready for commands.
    ready,
    failed,  ///< The greeting was refused or the stream is broken: close.
  };
  enum class Role : std::uint8_t { unknown, primary, replica, sentinel };
  struct Options {
    Login login;
    int database = 0;
    std::string name = "sluice";        ///< In CLIENT LIST. No spaces.
    bool primary_only = true;           ///< A replica's greeting fails: what writes would be refused.
    std::size_t commands_max = 65'536;  ///< Waiting for a reply; beyond, send() loses at once.
    std::size_t output_bytes_max = std::size_t{16} << 20;  ///< Not taken yet; beyond, the same.
    ReplyParser::Limits reply;
  };

  explicit Link(Options options) : options_(std::move(options)) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void open();  ///< REQUIRES: idle.
  /// A link that is not ready, or full, loses it at once (Loss::not_sent).
  void send(std::string_view command, Caller& caller);
  /// A command that RESP3 answers by pushes alone: SUBSCRIBE. REQUIRES: ready, resp3().
  void tell(std::string_view command) { out_.append(command); }
  /// Who hears of pushes; without one they are dropped. Its `lost` is not called.
  void on_push(Caller* pushed) { pushed_ = pushed; }
  bool resp3() const { return resp3_; }
  /// Returns how many bytes it is done with; the rest must come again with more behind it. Callers may send()
  /// and close() from within.
  std::size_t feed(std::string_view in);
  void close(std::string_view why);

  State state() const { return state_; }
  const std::string& why() const { return why_; }  ///< Of failed.
  bool has_output() const { return !out_.empty(); }
  /// Puts the output into `to`, whose own content is dropped; its room is used again.
  void take_output(std::string& to);

  std::size_t waiting() const { return count_; }           ///< Commands without their reply.
  std::uint64_t replies() const { return replies_; }       ///< Since the beginning, of greetings too.
  Role role() const { return role_; }                      ///< As the latest greeting said.
  const std::string& version() const { return version_; }  ///< "7.0.15"; empty if it was not said.

 private:
  enum class Step : std::uint8_t { hello, auth, set_name, role, select, ping };
  struct Waiting {
    Caller* caller;
    std::uint64_t at;  // Where its command begins, in bytes of this connection.
  };
  struct Ignored final : Caller {
    void replied(Reply) override {}
    void lost(Loss, std::string_view) override {}
  };

  void ask(Step step);
  void greet(Reply reply);
  void refused(std::string_view error);
  void next_step();
  void learn(Reply hello);
  void learn_role(std::string_view role);
  void become_ready();
  void fail(std::string why) { state_ = State::failed, why_ = std::move(why); }
  void push(Caller& caller);
  Waiting pop();

  const Options options_;
  State state_ = State::idle;
  Step step_ = Step::hello;
  Role role_ = Role::unknown;
  std::string version_;
  std::string why_;
  std::optional<ReplyParser> parser_;  // A new one each connection.
  std::string out_;
  std::uint64_t taken_ = 0;  // Bytes of this connection that may be on their way. out_ comes behind them.
  std::vector<Waiting> waiting_;  // A ring; its size is a power of two.
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::uint64_t replies_ = 0;
  Ignored ignored_;
  Caller* pushed_ = nullptr;
  bool resp3_ = false;
};

}  // namespace sluice::redis
