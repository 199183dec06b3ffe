#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "net/connection.h"

namespace sluice::net {

namespace {

constexpr int kAcceptsATurn = 64;  // Then the connections that are there already have their turn.
constexpr Duration kPause = std::chrono::milliseconds(100);  // After running out of descriptors.
// What TLS says before a handshake: fatal alert, internal_error. The door's words would be no TLS.
constexpr std::string_view kTlsRefusal("\x15\x03\x03\x00\x02\x02\x50", 7);

std::string peer_text(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(peer);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(in.sin_port));
  }
  if (peer.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(peer);
    ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(in6.sin6_port));
  }
  return "unix";
}

}  // namespace

Listener::Impl::Impl(Loop& l, Fd fd, SessionFactory& s, Admission& a, Options o)
    : loop(l.impl()),
      sessions(s),
      admission(a),
      options(std::move(o)),
      socket(loop.context, fd.release()),
      pause_timer(loop.context),
      tick_timer(loop.context),
      wheel(kTick, Clock::now()),
      trouble_told(Clock::now() - kTroubleEvery),
      handshake_told(trouble_told) {
  accept_when_ready();
  tick_later();
}

Listener::Impl::~Impl() {
  wheel.each([](WheelNode& node) { delete static_cast<Connection*>(&node); });
}

void Listener::Impl::accept_when_ready() {
  socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (!error && !draining) accept_all();
                    });
}

void Listener::Impl::accept_all() {
  for (int i = 0; i < kAcceptsATurn; ++i)
    if (!accept_one()) return;
  accept_when_ready();
}

bool Listener::Impl::accept_one() {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  Fd fd(::accept4(socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &length,
                  SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) return true;
    if (draining) return false;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      accept_when_ready();
    else
      pause(errno);
    return false;
  }
  const AddressKey address = address_key(peer);
  const bool room = admission.enter();
  if (!room || !admission.addresses.enter(address)) {
    if (room) admission.leave();
    NetStats::add(room ? stats.refused_address : stats.refused, 1);
    const auto words = options.tls != nullptr ? kTlsRefusal : sessions.refusal();
    if (!words.empty()) (void)!::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(fd.get(), SHUT_WR);
    return true;
  }
  if (options.tcp) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Connection::open(*this, std::move(fd), address, peer_text(peer));
  return true;
}

/// Out of descriptors or memory. The connection stays in the kernel's queue; asking again at once would spin.
void Listener::Impl::pause(int error) {
  NetStats::add(stats.accept_errors, 1);
  const Time now = Clock::now();
  if (options.trouble && now - trouble_told >= kTroubleEvery) {
    trouble_told = now;
    options.trouble(
        std::string("cannot accept connections: ") + std::strerror(error) +
        (error == EMFILE ? "; raise the limit of open files (ulimit -n), or lower max_connections" : ""));
  }
  pause_timer.expires_after(kPause);
  pause_timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped && !draining) accept_all();
  });
}

void Listener::Impl::tick_later() {
  tick_timer.expires_after(kTick);
  tick_timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    wheel.advance(Clock::now(), [&](WheelNode& node) { static_cast<Connection&>(node).look(Clock::now()); });
    tick_later();
  });
}

void Listener::Impl::drain() {
  if (draining) return;
  draining = true;
  while (accept_one()) {  // Closing a listening socket resets what waits in its queue.
  }
  boost::system::error_code ignored;
  socket.close(ignored);
  pause_timer.cancel();
  wheel.each([](WheelNode& node) { static_cast<Connection&>(node).drain(); });
}

Listener::Listener(Loop& loop, Fd socket, SessionFactory& sessions, Admission& admission, Options options)
    : impl_(std::make_unique<Impl>(loop, std::move(socket), sessions, admission, std::move(options))) {}
Listener::~Listener() = default;
void Listener::drain() { impl_->drain(); }
std::size_t Listener::connections() const { return impl_->stats.open.load(std::memory_order_relaxed); }
const NetStats& Listener::stats() const { return impl_->stats; }

}  // namespace sluice::net
