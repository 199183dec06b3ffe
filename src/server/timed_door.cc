#include "server/timed_door.h"

#include <string>

#include "server/log.h"

namespace sluice::server {

namespace {

class TimedSession final : public net::Session {
 public:
  TimedSession(std::unique_ptr<net::Session> session, const net::SessionFactory& door,
               observe::DoorMetrics& metrics, std::string_view peer)
      : session_(std::move(session)), door_(door), metrics_(metrics), peer_(peer) {
    if (logs(Level::debug)) log(Level::debug, metrics_.door() + ": connection from " + peer_);
  }
  ~TimedSession() override {
    if (logs(Level::debug)) log(Level::debug, metrics_.door() + ": connection from " + peer_ + " has ended");
  }

  std::size_t feed(std::string_view in, Time now, std::string& out) override {
    if (requests_ == 0) began_ = now;  // Otherwise they have waited for the store since began_.
    metrics_.serving(peer_, now);
    const auto before = door_.requests();
    const std::size_t used = session_->feed(in, now, out);
    requests_ += door_.requests() - before;
    if (requests_ > 0 && session_->state() != State::waiting) {
      metrics_.answered(requests_, Clock::now() - began_);
      requests_ = 0;
    }
    return used;
  }
  State state() const override { return session_->state(); }
  bool more() const override { return session_->more(); }
  std::size_t held() const override { return session_->held(); }
  std::optional<Time> unfinished_since() override { return session_->unfinished_since(); }
  bool streaming() const override { return session_->streaming(); }
  void drain(std::string& out) override { session_->drain(out); }
  void expire(net::Expiry why, std::string& out) override { session_->expire(why, out); }

 private:
  const std::unique_ptr<net::Session> session_;
  const net::SessionFactory& door_;
  observe::DoorMetrics& metrics_;
  const std::string peer_;
  std::uint64_t requests_ = 0;  // Read and not yet answered.
  Time began_;
};

}  // namespace

std::unique_ptr<net::Session> TimedDoor::session(net::Host& host, std::string_view peer) {
  return std::make_unique<TimedSession>(door_->session(host, peer), *door_, metrics_, peer);
}

}  // namespace sluice::server
