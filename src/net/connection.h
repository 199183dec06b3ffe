// connection.h: drives one session over one socket. Destroys itself when closed and nothing is outstanding.
//
//     on_read -> pump: feed the session, write at once -> next: read again, wait to write, or finish
//
// With TLS a handshake comes first (connection_tls.cc), and bytes pass through a TlsStream; the session knows
// nothing of it.
//
// A request costs one recv and one send. Input lies in a buffer that grows while reads fill it and shrinks
// when the connection rests; output is built in the loop's buffer and kept here only while the peer does not
// read it.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>

#include "net/listener_impl.h"
#include "net/session.h"
#include "net/tls_stream.h"

namespace sluice::net {

class Connection final : public Host, public WheelNode {
 public:
  /// Takes over a connected, non-blocking socket, whose place in the admission is taken.
  static void open(Listener::Impl& listener, Fd socket, AddressKey address, std::string_view peer);
  ~Connection();

  void resume() override;
  bool shedding() const override { return shedding_; }
  void drain();
  void look(Time now);  ///< The wheel's: checks the time limits.

 private:
  enum class Phase : std::uint8_t {
    handshake,  // Of TLS. There is no session yet.
    serving,
    lingering,  // All is said and the write side shut; unread input is discarded, so that the peer gets the
                // reply.
    closed,     // Only what is outstanding keeps the object.
  };

  /// Stands on the stack wherever the loop, a timer or a listener enters; the last one out of a closed
  /// connection that nothing will enter again deletes it.
  class Entry {
   public:
    explicit Entry(Connection& c) : c_(c) { ++c.entered_; }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

   private:
    Connection& c_;
  };

  static constexpr std::size_t kRestingBytes = 2 * 1024;  // Input buffer of a connection at rest.
  static constexpr Duration kRest =
      std::chrono::seconds(5);  // Without input for so long, a large one is given back.

  struct Tls : TlsStream {
    Tls(const ServerTls& tls, int socket, Alpn alpn, std::string_view p)
        : TlsStream(tls, socket, alpn), peer(p) {}
    const std::string peer;  // For the session, which is made once the handshake is done.
  };

  Connection(Listener::Impl& listener, Fd socket, AddressKey address);

  void serve(Time now, std::string_view peer);
  void start_tls(std::string_view peer);
  void shake(Time now);
  void await_handshake(boost::asio::socket_base::wait_type what);
  void handshake_failed(Time now);
  void read();
  void read_tls();
  void decrypt();
  void on_read(const boost::system::error_code& error, std::size_t n);
  void on_resume();
  void pump(Time now);
  void go_on_later();
  void feed(Time now, std::string& out);
  bool may_go_on() const;
  void last_words(Time now);
  void next(Time now);
  void send(std::string& out, Time now);
  void wait_to_write();
  void finish(Time now);
  void close(bool reset = false);
  bool asked() const;  // A store will call resume().
  bool make_room();
  bool grow(std::size_t capacity);
  void shrink();
  bool within_bounds();
  void out_of_memory(Time now);
  Time deadline() const;
  std::string& out() { return pending_.empty() ? listener_.loop.out : pending_; }
  std::size_t unsent() const { return pending_.size() - sent_; }
  void hurry(Time when) { listener_.wheel.by(*this, when); }

  Listener::Impl& listener_;
  boost::asio::generic::stream_protocol::socket socket_;
  std::unique_ptr<Tls> tls_;  // Null: in the clear.
  std::unique_ptr<Session> session_;

  std::unique_ptr<char[]> buffer_;  // [begin_, end_) is input that the session is not done with.
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string pending_;  // Output from sent_ on is not written yet. Empty unless the peer is slow.
  std::size_t sent_ = 0;

  Time active_;         // The last whole request, or the accept.
  Time partial_since_;  // When the unfinished request began, if partial_.
  Time progress_;       // When output was last taken, while some waits; when lingering began.
  std::size_t discarded_ = 0;
  std::int64_t buffered_ = 0;  // As counted in Admission::buffers.
  const AddressKey address_;

  Phase phase_ = Phase::serving;
  std::uint8_t entered_ = 0;
  bool partial_ = false;
  bool reading_ = false;  // A read is outstanding; so are the next three.
  bool writing_ = false;
  bool resuming_ = false;
  bool going_on_ = false;  // The session has more, and others have their turn.
  bool greedy_ = false;    // It had more when it last had its turn.
  bool shedding_ = false;  // The feed that runs.
  bool eof_ = false;
  bool draining_ = false;
  bool told_ = false;     // The session knows of it.
  bool decided_ = false;  // What a closed connection's session waited for has come.
};

}  // namespace sluice::net
