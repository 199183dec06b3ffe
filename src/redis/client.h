// client.h: one Redis or Valkey server, reached over a loop: connects, greets, and does so again when the
// connection is lost.
//
// A client that is not up fails commands at once; nothing is kept for later and nothing is repeated. After a
// failure it waits a random time up to a bound that doubles from 50 ms to 2 s (full jitter), so that a fleet
// does not come back at one moment. A connection that brings no reply for `stall` while commands wait is
// closed, and so heals; deadlines of single commands are their callers' own.
//
// Everything is called on the loop's thread, counters apart. Texts never hold the user or the password.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>

#include "net/outgoing.h"
#include "net/timers.h"
#include "redis/link.h"
#include "redis/node.h"
#include "redis/url.h"

namespace sluice::redis {

class Client final : public Node, private net::OutgoingHandler {
 public:
  struct Options {
    net::Address address;
    std::shared_ptr<const net::OutgoingTls> tls;  ///< Null: none.
    Link::Options link;
    Duration timeout = std::chrono::seconds(2);  ///< To connect; and as long again to be greeted.
    Duration stall = std::chrono::seconds(1);    ///< Kept to two eighths of itself.
    Duration backoff_min = std::chrono::milliseconds(50);
    Duration backoff_max = std::chrono::seconds(2);
    std::uint64_t seed = 1;  ///< Of the jitter: different in each process and client.

    /// Of the URL's first host; reads the TLS files. Other hosts of it: set `address` anew.
    static Result<Options> from(const Url& url);
  };

  class Listener {
   public:
    virtual void went_up(Client& client) = 0;
    /// Of a connection that was up; of attempts that failed when their reason is a new one.
    virtual void went_down(Client& client, std::string_view why) = 0;

   protected:
    ~Listener() = default;
  };

  /// Written on the loop's thread, read by any (relaxed: for people).
  struct Stats {
    using Counter = std::atomic<std::uint64_t>;
    Counter commands{0};   ///< Given to send().
    Counter attempts{0};   ///< To connect.
    Counter connected{0};  ///< Greeted.
    Counter stalled{0};    ///< Closed for want of replies.
    std::atomic<bool> up{false};
  };

  /// Begins to connect. `listener` may be null; both must outlive the client.
  Client(net::Loop& loop, Options options, Listener* listener);
  /// Callers that wait hear that their commands are lost. REQUIRES: not from within a caller or the listener.
  ~Client() override;

  bool up() const override { return link_.state() == Link::State::ready; }
  void send(std::string_view command, Caller& caller) override;

  /// As Link's: a command that is answered by pushes alone, and who hears of pushes. REQUIRES: up, resp3().
  void tell(std::string_view command);
  void on_push(Caller* pushed) { link_.on_push(pushed); }
  bool resp3() const { return link_.resp3(); }

  const net::Address& address() const { return options_.address; }
  const std::string& version() const { return link_.version(); }
  Link::Role role() const { return link_.role(); }
  std::size_t waiting() const { return link_.waiting(); }
  const Stats& stats() const { return stats_; }
  /// Closes the connection and connects again, as after a failure.
  void drop(std::string_view why);

 private:
  void connected() override;
  std::size_t received(std::string_view in) override;
  void take_output(std::string& to) override { link_.take_output(to); }
  void closed(std::string_view why) override { drop(why); }

  void connect();
  void greeted();
  void watch();
  void look();
  void retry();

  net::Loop& loop_;
  const Options options_;
  Listener* const listener_;
  Link link_;
  std::unique_ptr<net::Outgoing> connection_;
  net::Timers timers_;  // Disarmed with each new state of the connection.
  std::mt19937_64 random_;
  int failures_ = 0;  // In a row.
  Time since_{};      // Connected, or since the greeting up.
  Time progress_{};
  std::uint64_t seen_replies_ = 0;
  bool waited_ = false;
  std::string told_;  // The reason that the listener heard last.
  Stats stats_;
};

}  // namespace sluice::redis
