// connection_tls.cc: what a connection with TLS does more: the handshake, and reading through the TlsStream.
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "net/connection.h"

namespace sluice::net {

namespace asio = boost::asio;

void Connection::start_tls(std::string_view peer) {
  phase_ = Phase::handshake;
  tls_ = std::make_unique<Tls>(*listener_.options.tls->get(), socket_.native_handle(), listener_.options.alpn,
                               peer);
}

void Connection::shake(Time now) {
  switch (tls_->shake()) {
    case TlsStream::Step::wants_read:
      return await_handshake(asio::socket_base::wait_read);
    case TlsStream::Step::wants_write:
      return await_handshake(asio::socket_base::wait_write);
    case TlsStream::Step::failed:
      return handshake_failed(now);
    case TlsStream::Step::done:
      NetStats::add(listener_.stats.handshakes, 1);
      phase_ = Phase::serving;
      active_ = now;
      hurry(deadline());
      return serve(now, tls_->peer);
  }
}

void Connection::await_handshake(asio::socket_base::wait_type what) {
  reading_ = true;
  socket_.async_wait(what, [this](const boost::system::error_code& error) {
    const Entry entry(*this);
    reading_ = false;
    if (phase_ == Phase::closed) return;
    error ? close() : shake(Clock::now());
  });
}

/// OpenSSL has told the peer by an alert, unless that has gone.
void Connection::handshake_failed(Time now) {
  if (tls_->why().empty()) return close();
  NetStats::add(listener_.stats.handshakes_failed, 1);
  if (listener_.options.handshake_failed && now - listener_.handshake_told >= kTroubleEvery) {
    listener_.handshake_told = now;
    listener_.options.handshake_failed("no TLS with " + tls_->peer + ": " + tls_->why());
  }
  finish(now);
}

void Connection::read_tls() {
  if (tls_->more()) return asio::post(listener_.loop.context, [this] { decrypt(); });
  socket_.async_wait(asio::socket_base::wait_read, [this](const boost::system::error_code& error) {
    error ? on_read(error, 0) : decrypt();
  });
}

void Connection::decrypt() {
  const Entry entry(*this);
  if (phase_ != Phase::serving) return on_read({}, 0);
  const auto got = tls_->read(buffer_.get() + end_, capacity_ - end_);
  if (got.bytes > 0) return on_read({}, got.bytes);
  if (got.input == TlsStream::Input::ended) return on_read(asio::error::eof, 0);
  if (got.input == TlsStream::Input::broken) return on_read(asio::error::connection_reset, 0);
  reading_ = false;
  const Time now = Clock::now();
  if (!partial_ && tls_->half_a_record()) {  // A request whose first bytes cannot be read yet.
    partial_ = true;
    partial_since_ = now;
    if (listener_.options.limits.partial > Duration{0}) hurry(now + listener_.options.limits.partial);
  }
  next(now);
}

}  // namespace sluice::net
