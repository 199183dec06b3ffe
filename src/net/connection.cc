#include "net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

namespace sluice::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadBytes =
    64 * 1024;  // A buffer grows to this for speed; beyond, only for one request.
constexpr std::size_t kDiscardBytes = 1 << 20;  // Read at most from a peer that we have finished with.

}  // namespace

Connection::Connection(Listener::Impl& listener, Fd socket, AddressKey address)
    : listener_(listener), socket_(listener.loop.context), active_(Clock::now()), address_(address) {
  boost::system::error_code ignored;  // Only an exhausted epoll fails here, and then the first read does too.
  socket_.assign(asio::generic::stream_protocol(AF_UNIX, 0), socket.release(), ignored);
  socket_.native_non_blocking(true, ignored);
}

Connection::~Connection() {
  listener_.admission.leave();
  listener_.admission.addresses.leave(address_);
  listener_.admission.buffers.give(buffered_);
  NetStats::add(listener_.stats.open, static_cast<std::uint64_t>(-1));
}

void Connection::open(Listener::Impl& listener, Fd socket, AddressKey address, std::string_view peer) {
  auto* c =
      new Connection(listener, std::move(socket), address);  // Owned by the wheel and what is outstanding.
  NetStats::add(listener.stats.open, 1);
  NetStats::add(listener.stats.accepted, 1);
  if (listener.options.tls != nullptr) c->start_tls(peer);
  listener.wheel.put(*c, c->deadline());
  const Entry entry(*c);
  c->tls_ ? c->shake(c->active_) : c->serve(c->active_, peer);
}

void Connection::serve(Time now, std::string_view peer) {
  session_ = listener_.sessions.session(*this, peer);
  draining_ = listener_.draining;
  next(now);
}

// ---- reading

/// False: the buffer is full, and may not grow.
bool Connection::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return end_ < capacity_ || grow(capacity_ == 0 ? kRestingBytes : capacity_ * 2);
}

bool Connection::grow(std::size_t capacity) {
  const auto more = static_cast<std::int64_t>(capacity - capacity_);
  if (capacity > kRestingBytes) {
    if (!listener_.admission.buffers.take(more)) return false;
    buffered_ += more;
  }
  auto grown = std::make_unique_for_overwrite<char[]>(capacity);
  if (end_ > 0) std::memcpy(grown.get(), buffer_.get(), end_);
  buffer_ = std::move(grown);
  capacity_ = capacity;
  return true;
}

/// Counts what this connection keeps now. False: it is more than before, and more than there may be.
bool Connection::within_bounds() {
  const std::size_t input = capacity_ > kRestingBytes ? capacity_ : 0;
  const std::size_t output = pending_.empty() ? 0 : pending_.capacity();
  const auto now = static_cast<std::int64_t>(input + output + (session_ ? session_->held() : 0));
  if (now > buffered_ && !listener_.admission.buffers.take(now - buffered_)) return false;
  if (now < buffered_) listener_.admission.buffers.give(buffered_ - now);
  buffered_ = now;
  return true;
}

/// A peer that takes its output is told; one that does not is cut off.
void Connection::out_of_memory(Time now) {
  NetStats::add(listener_.stats.closed_memory, 1);
  if (unsent() > 0 || session_->state() != Session::State::reading) return close(true);
  std::string& to = out();
  session_->expire(Expiry::memory, to);
  send(to, now);
  if (unsent() > 0) return close(true);
  next(now);
}

void Connection::shrink() {
  capacity_ = std::max(kRestingBytes, end_ - begin_);
  auto smaller = std::make_unique_for_overwrite<char[]>(capacity_);
  if (end_ > begin_) std::memcpy(smaller.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  buffer_ = std::move(smaller);
  within_bounds();
}

void Connection::read() {
  if (!make_room()) return out_of_memory(Clock::now());
  reading_ = true;
  if (tls_ && phase_ == Phase::serving) return read_tls();
  socket_.async_read_some(
      asio::buffer(buffer_.get() + end_, capacity_ - end_),
      [this](const boost::system::error_code& error, std::size_t n) { on_read(error, n); });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t n) {
  const Entry entry(*this);
  reading_ = false;
  if (phase_ == Phase::closed) return;
  const Time now = Clock::now();
  if (error == asio::error::operation_aborted) {  // By drain() or by look(), to give back the buffer.
    if (!draining_) shrink();
    return next(now);
  }
  if (error == asio::error::eof) {
    eof_ = true;
    return phase_ == Phase::lingering ? close() : next(now);
  }
  if (error) return close();
  NetStats::add(listener_.stats.bytes_in, n);
  if (phase_ == Phase::lingering) {
    discarded_ += n;
    return discarded_ > kDiscardBytes ? close() : read();
  }
  end_ += n;
  if (end_ == capacity_ && capacity_ < kReadBytes) {  // More is there than fits: read more at once next time.
    if (grow(capacity_ * 4)) hurry(now + kRest);
  }
  pump(now);
}

// ---- the session

void Connection::feed(Time now, std::string& out) {
  const std::size_t used = session_->feed({buffer_.get() + begin_, end_ - begin_}, now, out);
  begin_ += used;
  if (used > 0) {
    active_ = now;
    partial_ = false;
  }
  if (session_->state() != Session::State::reading) return;
  const auto since = session_->unfinished_since();
  if ((!partial_ && begin_ < end_) || since) {
    partial_ = true;
    partial_since_ = since.value_or(now);
    if (listener_.options.limits.partial > Duration{0})
      hurry(partial_since_ + listener_.options.limits.partial);
  }
}

/// One turn: what the session answers at one feed.
void Connection::pump(Time now) {
  if (sent_ > 0) {  // The session sees by the length of `out` what is not written.
    pending_.erase(0, sent_);
    sent_ = 0;
  }
  Pressure& pressure = listener_.loop.pressure;
  shedding_ = pressure.shed(greedy_);
  std::string& to = out();
  feed(now, to);
  const bool more = session_->more();
  greedy_ = more || to.size() >= kSessionOutputPause;
  if (draining_ && !told_ && !more && session_->state() == Session::State::reading) {
    told_ = true;
    session_->drain(to);
  }
  send(to, now);
  if (phase_ == Phase::serving && !within_bounds()) return out_of_memory(now);
  if (pressure.behind()) pressure.spent(shedding_, Clock::now() - now);
  if (greedy_ && may_go_on()) return go_on_later();
  next(now);
}

/// Behind all that is ready by now: a peer that sends without end gets its share of each turn, as others do.
void Connection::go_on_later() {
  NetStats::add(listener_.stats.turns_yielded, 1);
  if (going_on_) return;
  going_on_ = true;
  asio::post(listener_.loop.context, [this] {
    const Entry entry(*this);
    going_on_ = false;
    if (phase_ != Phase::serving) return;
    const Time now = Clock::now();
    session_->state() == Session::State::reading ? pump(now) : next(now);
  });
}

/// Input lies here that a session left unread because of its output, and by now the peer has read most of
/// that.
bool Connection::may_go_on() const {
  return phase_ == Phase::serving && begin_ < end_ && unsent() < kSessionOutputPause &&
         session_->state() == Session::State::reading;
}

void Connection::resume() {
  if (resuming_) return;
  resuming_ = true;  // Never from within: a store may complete one session's asks while it feeds another.
  asio::post(listener_.loop.context, [this] { on_resume(); });
}

void Connection::on_resume() {
  const Entry entry(*this);
  resuming_ = false;
  if (phase_ == Phase::closed) decided_ = true;
  if (phase_ == Phase::serving) pump(Clock::now());
}

void Connection::drain() {
  const Entry entry(*this);
  if (phase_ == Phase::handshake) return close();  // It has asked for nothing yet.
  if (draining_ || phase_ != Phase::serving) return;
  draining_ = true;
  boost::system::error_code ignored;
  if (reading_) socket_.cancel(ignored);  // on_read() goes on by next() with last_words().
}

/// The server goes down: answers what has arrived by now, a full buffer at most, then tells the session.
void Connection::last_words(Time now) {
  do {
    if (!make_room()) return out_of_memory(now);
    char* const to = buffer_.get() + end_;
    const auto n = tls_ ? static_cast<ssize_t>(tls_->read(to, capacity_ - end_).bytes)
                        : ::recv(socket_.native_handle(), to, capacity_ - end_, MSG_DONTWAIT);
    if (n <= 0) break;
    NetStats::add(listener_.stats.bytes_in, static_cast<std::uint64_t>(n));
    end_ += static_cast<std::size_t>(n);
  } while (end_ == capacity_ && capacity_ < kReadBytes);
  pump(now);
}

void Connection::next(Time now) {
  if (phase_ != Phase::serving) return;
  const bool blocked = unsent() > 0;
  if (blocked && !writing_) wait_to_write();
  if (going_on_) return;
  switch (session_->state()) {
    case Session::State::waiting:
      return;  // resume() will come. Input stays where it is.
    case Session::State::closing:
      if (!blocked) finish(now);
      return;
    case Session::State::reading:
      break;
  }
  if (eof_) {
    if (!blocked) close();
    return;
  }
  if (draining_ && !told_ && !reading_ && !blocked) return last_words(now);
  if (reading_ || unsent() > listener_.options.limits.output_max) return;
  if (unsent() >= kSessionOutputPause && begin_ < end_) return;  // What is here has to be answered first.
  if (end_ - begin_ >= listener_.options.limits.input_max) return close(true);
  read();
}

}  // namespace sluice::net
