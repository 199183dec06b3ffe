// tls_stream.h: TLS over one socket, accepted or connected. Never blocks, never waits: the connection does
// that. Includes OpenSSL.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "net/outgoing_tls.h"
#include "net/tls.h"

namespace sluice::net {

class ServerTlsImpl final : public ServerTls {
 public:
  ServerTlsImpl() : context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {}
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context;  // OpenSSL counts its users atomically.
};

/// The ALPN callback of every ServerTlsImpl.
int choose_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*);

class TlsStream {
 public:
  TlsStream(const ServerTls& tls, int socket, Alpn alpn);
  /// The client's side of a socket connected to `host`. What is wrong is worded by `words`.
  TlsStream(const OutgoingTls& tls, int socket, const std::string& host, const TlsWords& words);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Step : std::uint8_t { done, wants_read, wants_write, failed };
  Step shake();
  /// Of a handshake that failed: why, and the mend where there is one. Empty: the peer has just gone. To a
  /// client a server may say only later that it does not accept its certificate: of a broken read, too.
  const std::string& why() const { return why_; }

  enum class Input : std::uint8_t { open, ended, broken };
  struct Got {
    std::size_t bytes;
    Input input;  ///< `ended` comes with what came before the end.
  };
  /// Reads what has arrived and fits.
  Got read(char* to, std::size_t room);
  /// The last read() left input here, of which the socket will not tell.
  bool more() const { return more_; }
  /// A part of a record is here, and nothing more can be read before its rest.
  bool half_a_record() const { return !more_ && SSL_has_pending(ssl_.get()) == 1; }

  /// As ::send: how many bytes are on their way, or -1 and errno. After EAGAIN the same bytes come again,
  /// with more behind them maybe.
  ssize_t write(const char* from, std::size_t n);
  /// Tells the peer that no more will come, if it can be told at once.
  void bye();

 private:
  void use_socket();
  std::string error_text() const;
  static BIO_METHOD* socket_method();
  static int bio_write(BIO* bio, const char* from, int n);
  static int bio_read(BIO* bio, char* to, int n);
  static long bio_control(BIO* bio, int command, long, void*);
  friend int choose_alpn(SSL*, const unsigned char**, unsigned char*, const unsigned char*, unsigned int,
                         void*);
  void fail();

  const int socket_;
  const Alpn alpn_;
  const TlsWords words_;
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  std::string why_;
  bool dry_ = false;    // The socket had no more when it was last read.
  bool eof_ = false;    // It will never have.
  bool more_ = true;    // The handshake may have read what follows it.
  bool broken_ = true;  // Nothing may be said any more, or not yet.
};

}  // namespace sluice::net
