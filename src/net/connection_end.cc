// How a connection writes, ends, and keeps to its time limits.
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <cerrno>

#include "net/connection.h"

namespace sluice::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kOutBytesKept = 256 * 1024;  // The loop's output buffer is given back above this.
constexpr Duration kLinger = std::chrono::seconds(2);

}  // namespace

// ---- writing

/// Writes what it can at once. `out` is the loop's buffer or pending_.
void Connection::send(std::string& out, Time now) {
  const bool mine = &out == &pending_;
  if (mine && writing_) return;  // Behind what waits already.
  std::size_t from = mine ? sent_ : 0;
  const std::size_t start = from;
  while (from < out.size()) {
    const auto n = tls_ ? tls_->write(out.data() + from, out.size() - from)
                        : ::send(socket_.native_handle(), out.data() + from, out.size() - from,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      from += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      out.clear();
      sent_ = 0;
      return close();
    }
  }
  NetStats::add(listener_.stats.bytes_out, from - start);
  if (from > start || !mine) progress_ = now;
  if (from == out.size()) {
    out.clear();
    sent_ = 0;
    if (out.capacity() > kOutBytesKept || mine) out.shrink_to_fit();
    return;
  }
  if (mine) {
    sent_ = from;
    if (sent_ > pending_.size() / 2) {  // Moves each byte at most once more, in all.
      pending_.erase(0, sent_);
      sent_ = 0;
    }
  } else {
    pending_.assign(out, from);
    sent_ = 0;
    out.clear();
    if (out.capacity() > kOutBytesKept) out.shrink_to_fit();
    if (listener_.options.limits.stall > Duration{0}) hurry(now + listener_.options.limits.stall);
  }
}

void Connection::wait_to_write() {
  writing_ = true;
  socket_.async_wait(asio::socket_base::wait_write, [this](const boost::system::error_code& error) {
    const Entry entry(*this);
    writing_ = false;
    if (phase_ == Phase::closed) return;
    if (error && error != asio::error::operation_aborted) return close();
    const Time now = Clock::now();
    send(pending_, now);
    if (phase_ != Phase::serving) return;
    within_bounds();
    if (may_go_on()) return pump(now);
    next(now);
  });
}

// ---- the end

/// All is said. Closing at once would let the kernel answer unread input by a reset, which can destroy our
/// last words on their way.
void Connection::finish(Time now) {
  if (tls_) tls_->bye();
  if (eof_ || ::shutdown(socket_.native_handle(), SHUT_WR) != 0) return close();
  phase_ = Phase::lingering;
  progress_ = now;
  begin_ = end_ = 0;
  hurry(now + kLinger);
  if (!reading_) read();
}

void Connection::close(bool reset) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  if (tls_ && !reset) tls_->bye();
  if (reset) {  // Unsent output would stay in the kernel for minutes.
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  boost::system::error_code ignored;
  socket_.close(ignored);  // Outstanding reads and waits complete as aborted.
}

bool Connection::asked() const {
  return session_ && session_->state() == Session::State::waiting && !decided_;
}

Connection::Entry::~Entry() {
  if (--c_.entered_ > 0 || c_.phase_ != Phase::closed) return;
  if (c_.reading_ || c_.writing_ || c_.resuming_ || c_.going_on_ || c_.asked())
    return;  // They will enter once more.
  delete &c_;
}

// ---- time limits

Time Connection::deadline() const {
  const auto& limits = listener_.options.limits;
  const auto at = [](Time since, Duration limit) {
    return limit > Duration{0} ? since + limit : Time::max();
  };
  if (phase_ == Phase::closed) return Time::max();
  if (phase_ == Phase::lingering) return progress_ + kLinger;
  if (phase_ == Phase::handshake) return at(active_, limits.handshake);
  if (unsent() > 0) return at(progress_, limits.stall);
  if (session_ && (session_->state() != Session::State::reading || session_->streaming())) return Time::max();
  if (partial_) return at(partial_since_, limits.partial);
  return at(active_, limits.idle);
}

void Connection::look(Time now) {
  const Entry entry(*this);
  const Time until = deadline();
  listener_.wheel.put(*this, until <= now ? now + kTick : until);
  if (until > now) {
    const bool large = capacity_ > kRestingBytes && reading_ && phase_ == Phase::serving && begin_ == end_;
    if (!large) return;
    if (now - active_ < kRest) return hurry(active_ + kRest);
    boost::system::error_code ignored;
    socket_.cancel(ignored);  // on_read() shrinks the buffer and reads again.
    return;
  }
  if (phase_ == Phase::lingering) return close();
  if (phase_ == Phase::handshake) {
    NetStats::add(listener_.stats.closed_handshake, 1);
    return close();
  }
  if (unsent() > 0) {
    NetStats::add(listener_.stats.closed_stall, 1);
    return close(true);
  }
  NetStats::add(partial_ ? listener_.stats.closed_partial : listener_.stats.closed_idle, 1);
  std::string& to = out();
  session_->expire(partial_ ? Expiry::partial : Expiry::idle, to);
  send(to, now);
  next(now);
}

}  // namespace sluice::net
