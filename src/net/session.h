// session.h: a door's side of one connection: bytes in, bytes out, no I/O and no clock. The connection
// (connection.h) reads, feeds, writes; a test or a fuzzer does the same with strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/time.h"

namespace sluice::net {

enum class Expiry : std::uint8_t {
  idle,     ///< No request for too long: close, politely.
  partial,  ///< A request was begun and not finished in time.
  memory,   ///< All connections together buffer as much as they may, and this one's request needs more.
};

/// How a session reaches back to its connection. Calls come and go on the connection's own thread.
class Host {
 public:
  /// A decision that feed() had to wait for is here: call feed() again, even without new bytes.
  virtual void resume() = 0;
  /// Of the feed() that runs: the loop is behind, and what is new is to be answered by the protocol's word
  /// for overload, at once and without the store (pressure.h).
  virtual bool shedding() const { return false; }

 protected:
  ~Host() = default;
};

/// A session whose `out` has grown to this many bytes in one feed() may return with whole requests unread: it
/// is fed again at once, or once the peer has read what there is. So a few small requests for large replies
/// cannot make output grow without bound. A session whose replies are about as long as its requests need not
/// care.
inline constexpr std::size_t kSessionOutputPause = 256 * 1024;

class Session {
 public:
  /// While the server runs a session that is `waiting` is kept until it resumes, though its peer be gone.
  virtual ~Session() = default;

  enum class State : std::uint8_t {
    reading,  ///< Wants bytes.
    waiting,  ///< Decisions are outstanding; keeps its place in `in`, wants no bytes until Host::resume().
    closing,  ///< Has said its last word: write `out`, then close.
  };

  /// Reads as many whole requests as `in` holds, appends their replies to `out` in order, and returns how
  /// many bytes it is done with. The rest comes again, at the front of `in`, with more behind it. The bytes
  /// must stay where they are while the state is `waiting`.
  virtual std::size_t feed(std::string_view in, Time now, std::string& out) = 0;
  virtual State state() const = 0;

  /// The last feed() left whole requests unread for others to have their turn: it wants to be fed again once
  /// they had it, though no byte comes.
  virtual bool more() const { return false; }
  /// Bytes of unfinished requests and unsent replies that it keeps itself.
  virtual std::size_t held() const { return 0; }

  /// Of a session that keeps half a request itself, with no byte of it left in `in`: since when. Nothing: it
  /// has none. The connection then counts time as it does for bytes that lie unread (Expiry::partial).
  virtual std::optional<Time> unfinished_since() { return {}; }

  /// The peer only listens from now on: it is not closed for asking nothing. Events go out by Host::resume();
  /// feed() sees in `out` what the peer has not read, and is trusted to add no more to it.
  virtual bool streaming() const { return false; }

  /// The server is going down: answer what was begun, tell the peer in the protocol's way, then be `closing`.
  virtual void drain(std::string& out) = 0;
  /// A time limit has passed: append the protocol's own error, if it has one, and be `closing`.
  virtual void expire(Expiry why, std::string& out) = 0;
};

/// One a listener and thread: what makes a session for a connection that was accepted.
class SessionFactory {
 public:
  virtual ~SessionFactory() = default;
  /// `host` outlives the session. `peer` is the client's address, for logs.
  virtual std::unique_ptr<Session> session(Host& host, std::string_view peer) = 0;
  /// What a connection beyond the server's maximum is told before it is closed.
  virtual std::string_view refusal() const { return {}; }
  /// Requests read so far by all of its sessions, each counted within the feed() that read it. 0: not
  /// counted.
  virtual std::uint64_t requests() const { return 0; }
  /// Of these, those that were shed (Host::shedding()).
  virtual std::uint64_t shed() const { return 0; }
};

}  // namespace sluice::net
