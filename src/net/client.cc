#include "net/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>

#include "net/socket.h"
#include "net/tls_stream.h"

namespace sluice::net {

Client::Client(Fd fd, Duration timeout) : fd_(std::move(fd)), timeout_(timeout) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() {
  if (tls_) tls_->bye();
}

Result<Client> Client::connect(const Address& address, const OutgoingTls* tls, const TlsWords& words,
                               Duration timeout) {
  if (tls != nullptr && address.kind != Address::Kind::tcp)
    return Error{Code::invalid_argument, "unix sockets are in the clear; leave TLS away"};
  auto fd = connect_to(address, timeout);
  if (!fd) return fd.error();
  Client client(std::move(*fd), timeout);
  if (tls == nullptr) return client;
  client.tls_ = std::make_unique<TlsStream>(*tls, client.fd(), address.host, words);
  if (auto status = client.shake(); !status) return status.error();
  return client;
}

Status Client::shake() {
  for (;;) {
    const auto step = tls_->shake();
    if (step == TlsStream::Step::done) return Done{};
    if (step == TlsStream::Step::failed)
      return Error{
          Code::unavailable,
          "TLS: " + (why().empty() ? "the server closed the connection; does this door speak TLS?" : why())};
    if (auto status = wait(step == TlsStream::Step::wants_read ? POLLIN : POLLOUT, "agree on TLS"); !status)
      return status;
  }
}

std::string Client::why() const { return tls_ ? tls_->why() : std::string(); }

Status Client::wait(short events, const char* what) const {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout_).count();
  pollfd p{.fd = fd_.get(), .events = events, .revents = 0};
  int n = 0;
  do n = ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(ms, INT_MAX)));
  while (n < 0 && errno == EINTR);
  if (n > 0) return Done{};
  return Error{Code::unavailable, std::string("the server does not ") + what + " in time"};
}

ssize_t Client::send_some(std::string_view bytes) {
  if (tls_) return tls_->write(bytes.data(), bytes.size());
  ssize_t n = 0;
  do n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n;
}

ssize_t Client::receive_some(char* to, std::size_t room) {
  if (!tls_) {
    ssize_t n = 0;
    do n = ::recv(fd_.get(), to, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n;
  }
  for (;;) {
    const auto got = tls_->read(to, room);
    if (got.bytes > 0) return static_cast<ssize_t>(got.bytes);
    if (got.input == TlsStream::Input::ended) return 0;
    errno = got.input == TlsStream::Input::broken ? ECONNRESET : EAGAIN;
    if (got.input == TlsStream::Input::broken || !tls_->more()) return -1;
  }
}

bool Client::more() const { return tls_ && tls_->more(); }

Status Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = send_some(bytes);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto status = wait(POLLOUT, "take the request"); !status) return status;
    } else {
      const std::string what = std::strerror(errno);
      return Error{Code::unavailable,
                   "the server does not take the request: " + (why().empty() ? what : why())};
    }
  }
  return Done{};
}

Result<std::size_t> Client::receive(char* to, std::size_t room) {
  for (;;) {
    const auto n = receive_some(to, room);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      const std::string what = std::strerror(errno);
      return Error{Code::unavailable, "no answer: " + (why().empty() ? what : why())};
    }
    if (auto status = wait(POLLIN, "answer"); !status) return status.error();
  }
}

}  // namespace sluice::net
