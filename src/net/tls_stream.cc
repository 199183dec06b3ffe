#include "net/tls_stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>

#include "net/outgoing_tls_impl.h"

namespace sluice::net {

namespace {

std::string handshake_error(SSL* ssl) {
  const auto code = ERR_peek_error();
  if (code == 0) return "";  // The socket's end, not TLS's.
  switch (ERR_GET_REASON(code)) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return "the client does not speak TLS; this door does (setting tls)";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "the client knows no TLS 1.2 or newer";
    case SSL_R_NO_SHARED_CIPHER:
      return "the client knows no cipher with forward secrecy and authentication in one (ECDHE with GCM or "
             "ChaCha20)";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the client has no certificate, and tls_client_ca asks for one";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return std::string("the client's certificate is not accepted: ") +
             X509_verify_cert_error_string(SSL_get_verify_result(ssl)) +
             "; it must be signed by a CA in tls_client_ca";
    default:
      break;
  }
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace

int choose_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) {
  const auto& want = static_cast<const TlsStream*>(SSL_get_app_data(ssl))->alpn_.protocol;
  if (want.empty()) return SSL_TLSEXT_ERR_NOACK;
  for (unsigned int i = 0; i < in_size; i += 1u + in[i])  // OpenSSL has checked the lengths.
    if (std::string_view(reinterpret_cast<const char*>(in) + i + 1, in[i]) == want) {
      *out = in + i + 1;
      *out_size = in[i];
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

TlsStream::TlsStream(const ServerTls& tls, int socket, Alpn alpn)
    : socket_(socket),
      alpn_(alpn),
      ssl_(SSL_new(static_cast<const ServerTlsImpl&>(tls).context.get()), SSL_free) {
  if (!ssl_) return;  // No memory: shake() fails.
  SSL_set_accept_state(ssl_.get());
  use_socket();
}

TlsStream::TlsStream(const OutgoingTls& tls, int socket, const std::string& host, const TlsWords& words)
    : socket_(socket),
      alpn_(),
      words_(words),
      ssl_(SSL_new(static_cast<const OutgoingTlsImpl&>(tls).context.native_handle()), SSL_free) {
  if (!ssl_) return;
  static_cast<const OutgoingTlsImpl&>(tls).prepare(ssl_.get(), host);
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_connect_state(ssl_.get());
  use_socket();
}

void TlsStream::use_socket() {
  BIO* const bio = BIO_new(socket_method());
  if (bio == nullptr) return;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
}

// ---- the socket, as OpenSSL sees it. Its own would let a peer that has gone raise SIGPIPE.

BIO_METHOD* TlsStream::socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice socket");
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  return method;
}

int TlsStream::bio_write(BIO* bio, const char* from, int n) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do sent = ::send(self.socket_, from, static_cast<std::size_t>(n), MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int TlsStream::bio_read(BIO* bio, char* to, int n) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do got = ::recv(self.socket_, to, static_cast<std::size_t>(n), MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  self.eof_ = got == 0;
  self.dry_ = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (self.dry_) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long TlsStream::bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<TlsStream*>(BIO_get_data(bio))->eof_ ? 1 : 0;
  return 0;
}

// ---- the handshake

TlsStream::Step TlsStream::shake() {
  if (!ssl_ || SSL_get_rbio(ssl_.get()) == nullptr) {
    why_ = "no memory";
    return Step::failed;
  }
  ERR_clear_error();
  for (;;) {
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) break;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        if (dry_) return Step::wants_read;
        continue;  // It stopped between two messages that are both here.
      case SSL_ERROR_WANT_WRITE:
        return Step::wants_write;
      default:
        why_ = error_text();
        ERR_clear_error();
        return Step::failed;
    }
  }
  broken_ = false;
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
  if (!alpn_.required || size > 0) return Step::done;
  why_ = "the client does not offer " + std::string(alpn_.protocol) + " by ALPN";
  bye();
  return Step::failed;
}

// ---- bytes

TlsStream::Got TlsStream::read(char* to, std::size_t room) {
  more_ = false;
  if (broken_) return {0, Input::broken};
  ERR_clear_error();
  std::size_t got = 0;
  while (got < room) {
    std::size_t n = 0;
    if (SSL_read_ex(ssl_.get(), to + got, room - got, &n) == 1) {
      got += n;
      if (SSL_has_pending(ssl_.get()) == 1) continue;
      return {got, Input::open};  // The socket tells if there is more.
    }
    switch (SSL_get_error(ssl_.get(), 0)) {
      case SSL_ERROR_WANT_READ:
        more_ = !dry_;  // After each message of TLS itself, so that a flood of them holds up nobody.
        return {got, Input::open};
      case SSL_ERROR_WANT_WRITE:
        return {got, Input::open};
      case SSL_ERROR_ZERO_RETURN:
        more_ = got > 0;  // So that the end is told next.
        return {got, got > 0 ? Input::open : Input::ended};
      default:
        fail();
        more_ = got > 0;
        return {got, got > 0 ? Input::open : Input::broken};
    }
  }
  more_ = true;
  return {got, Input::open};
}

ssize_t TlsStream::write(const char* from, std::size_t n) {
  errno = EPIPE;
  if (broken_) return -1;
  ERR_clear_error();
  std::size_t sent = 0;
  if (SSL_write_ex(ssl_.get(), from, n, &sent) == 1) return static_cast<ssize_t>(sent);
  const bool later = SSL_get_error(ssl_.get(), 0) == SSL_ERROR_WANT_WRITE;
  if (!later) fail();
  errno = later ? EAGAIN : EPIPE;
  return -1;
}

void TlsStream::bye() {
  if (broken_) return;
  broken_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::string TlsStream::error_text() const {
  if (SSL_is_server(ssl_.get()) == 1) return handshake_error(ssl_.get());
  if (ERR_peek_error() == 0) return "";
  const boost::system::error_code error(static_cast<int>(ERR_peek_error()),
                                        boost::asio::error::get_ssl_category());
  return tls_error(error, ssl_.get(), words_);
}

void TlsStream::fail() {
  broken_ = true;
  why_ = error_text();
  ERR_clear_error();
}

}  // namespace sluice::net
