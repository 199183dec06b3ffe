#include "net/outgoing.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "net/loop_impl.h"
#include "net/outgoing_tls_impl.h"

namespace sluice::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using Stream = asio::generic::stream_protocol;
using Endpoints = std::vector<Stream::endpoint>;

constexpr std::size_t kFirstInputBytes = 16 * 1024;

void set(int socket, int level, int name, int value) {
  ::setsockopt(socket, level, name, &value, sizeof value);
}

// A peer that is gone without a word is noticed within half a minute, idle or not.
void tune_tcp(int socket) {
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

}  // namespace

// Every handler on the loop holds a share. Once handler_ is null nothing is begun or told any more.
class Outgoing::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Loop& loop, OutgoingHandler& handler, Options options)
      : context_(loop.impl().context),
        handler_(&handler),
        options_(std::move(options)),
        resolver_(context_),
        socket_(context_),
        timer_(context_) {}

  void start();
  void output_waits();
  void stop();

 private:
  using Ptr = std::shared_ptr<Impl>;

  void resolve();
  void connect(const Endpoints& endpoints);
  void shake_hands();
  void connected();
  void read();
  void on_read(const error_code& error, std::size_t n);
  void make_room();
  void flush();
  void send();
  void sent(const error_code& error);
  void fail(std::string why);
  std::string place() const { return options_.address.text(); }
  std::string why(const error_code& error);

  asio::io_context& context_;
  OutgoingHandler* handler_;
  const Options options_;
  asio::ip::tcp::resolver resolver_;
  Stream::socket socket_;
  std::optional<asio::ssl::stream<Stream::socket&>> tls_;
  asio::steady_timer timer_;

  std::unique_ptr<char[]> input_;  // [begin_, end_) is what the handler is not done with.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;

  bool open_ = false;       // Connected and agreed.
  bool scheduled_ = false;  // flush() will come.
  bool writing_ = false;
  std::string output_;
  std::size_t written_ = 0;
};

// ---- connecting

void Outgoing::Impl::start() {
  timer_.expires_after(options_.timeout);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->handler_ == nullptr || self->open_) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(self->options_.timeout);
    const auto within = self->place() + " within " + std::to_string(ms.count()) + " ms";
    self->fail(self->tls_ ? "no TLS with " + within + ": does it speak TLS on this port?"
                          : "no connection to " + within);
  });
  asio::post(context_, [self = shared_from_this()] {
    if (self->handler_ != nullptr) self->resolve();
  });
}

void Outgoing::Impl::resolve() {
  const Address& a = options_.address;
  if (a.kind == Address::Kind::unix_path) {
    if (a.path.size() >= sizeof(sockaddr_un::sun_path))
      return fail("cannot connect to " + place() + ": the path is too long for a unix socket");
    return connect({asio::local::stream_protocol::endpoint(a.path)});
  }
  error_code not_numeric;
  const auto address = asio::ip::make_address(a.host, not_numeric);
  if (!not_numeric) return connect({asio::ip::tcp::endpoint(address, a.port)});
  resolver_.async_resolve(a.host, std::to_string(a.port), asio::ip::tcp::resolver::numeric_service,
                          [self = shared_from_this()](const error_code& error,
                                                      const asio::ip::tcp::resolver::results_type& found) {
                            if (self->handler_ == nullptr) return;
                            if (error)
                              return self->fail("cannot resolve " + self->place() + ": " + error.message());
                            Endpoints endpoints;
                            for (const auto& each : found) endpoints.emplace_back(each.endpoint());
                            self->connect(endpoints);
                          });
}

void Outgoing::Impl::connect(const Endpoints& endpoints) {
  asio::async_connect(socket_, endpoints,
                      [self = shared_from_this()](const error_code& error, const Stream::endpoint&) {
                        if (self->handler_ == nullptr) return;
                        if (error)
                          return self->fail("cannot connect to " + self->place() + ": " + error.message());
                        if (self->options_.address.kind == Address::Kind::tcp)
                          tune_tcp(self->socket_.native_handle());
                        self->options_.tls ? self->shake_hands() : self->connected();
                      });
}

void Outgoing::Impl::shake_hands() {
  const auto& tls = static_cast<const OutgoingTlsImpl&>(*options_.tls);  // There is no other.
  tls_.emplace(socket_, tls.context);
  tls.prepare(tls_->native_handle(), options_.address.host);
  tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const error_code& error) {
    if (self->handler_ == nullptr) return;
    if (error) return self->fail("no TLS with " + self->place() + ": " + self->why(error));
    self->connected();
  });
}

void Outgoing::Impl::connected() {
  error_code ignored;
  socket_.native_non_blocking(true, ignored);
  open_ = true;
  timer_.cancel();
  const Ptr self = shared_from_this();
  handler_->connected();
  if (handler_ == nullptr) return;
  read();
  output_waits();
}

// ---- reading

void Outgoing::Impl::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0) {
    std::memmove(input_.get(), input_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ < capacity_) return;
  const std::size_t larger = std::max(kFirstInputBytes, capacity_ * 2);
  auto grown = std::make_unique_for_overwrite<char[]>(larger);
  if (end_ > 0) std::memcpy(grown.get(), input_.get(), end_);
  input_ = std::move(grown);
  capacity_ = larger;
}

void Outgoing::Impl::read() {
  make_room();
  const auto room = asio::buffer(input_.get() + end_, capacity_ - end_);
  auto done = [self = shared_from_this()](const error_code& error, std::size_t n) {
    self->on_read(error, n);
  };
  tls_ ? tls_->async_read_some(room, std::move(done)) : socket_.async_read_some(room, std::move(done));
}

void Outgoing::Impl::on_read(const error_code& error, std::size_t n) {
  if (handler_ == nullptr) return;
  if (error) return fail(place() + ": " + why(error));
  end_ += n;
  begin_ += handler_->received({input_.get() + begin_, end_ - begin_});
  if (handler_ == nullptr) return;
  if (end_ - begin_ >= options_.input_max) return fail(place() + ": a message is longer than the limit");
  read();
}

// ---- writing

void Outgoing::Impl::output_waits() {
  if (scheduled_ || writing_ || !open_) return;
  scheduled_ = true;
  asio::post(context_, [self = shared_from_this()] {
    self->scheduled_ = false;
    if (self->handler_ != nullptr && !self->writing_) self->flush();
  });
}

void Outgoing::Impl::flush() {
  handler_->take_output(output_);
  written_ = 0;
  if (handler_ != nullptr && !output_.empty()) send();
}

void Outgoing::Impl::send() {
  if (tls_) {
    writing_ = true;
    asio::async_write(*tls_, asio::buffer(output_),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        self->written_ = self->output_.size();
                        self->sent(error);
                      });
    return;
  }
  while (written_ < output_.size()) {
    const auto n = ::send(socket_.native_handle(), output_.data() + written_, output_.size() - written_,
                          MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      written_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      writing_ = true;
      socket_.async_wait(asio::socket_base::wait_write,
                         [self = shared_from_this()](const error_code& error) { self->sent(error); });
      return;
    } else if (errno != EINTR) {
      return fail(place() + ": " + why(error_code(errno, boost::system::system_category())));
    }
  }
}

// A part is written, or can be; what has gathered meanwhile follows.
void Outgoing::Impl::sent(const error_code& error) {
  writing_ = false;
  if (handler_ == nullptr) return;
  if (error) return fail(place() + ": " + why(error));
  if (written_ < output_.size()) send();
  if (handler_ != nullptr && !writing_) flush();
}

// ---- the end

std::string Outgoing::Impl::why(const error_code& error) {
  if (error == asio::error::eof) return "the server closed the connection";
  return tls_ ? tls_error(error, tls_->native_handle()) : error.message();
}

void Outgoing::Impl::fail(std::string why) {
  const Ptr self = shared_from_this();
  OutgoingHandler* const handler = handler_;
  stop();
  handler->closed(why);
}

void Outgoing::Impl::stop() {
  handler_ = nullptr;
  timer_.cancel();
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);  // What is outstanding completes as aborted and lets go of its share.
}

Outgoing::Outgoing(Loop& loop, OutgoingHandler& handler, Options options)
    : impl_(std::make_shared<Impl>(loop, handler, std::move(options))) {
  impl_->start();
}
Outgoing::~Outgoing() { impl_->stop(); }
void Outgoing::output_waits() { impl_->output_waits(); }

}  // namespace sluice::net
