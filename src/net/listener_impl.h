// listener_impl.h: what a connection sees of its listener.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "net/listener.h"
#include "net/loop_impl.h"
#include "net/wheel.h"

namespace sluice::net {

inline constexpr Duration kTick = std::chrono::milliseconds(100);
inline constexpr Duration kTroubleEvery = std::chrono::seconds(10);

struct Listener::Impl {
  Impl(Loop& l, Fd socket, SessionFactory& s, Admission& a, Options o);
  ~Impl();

  void accept_when_ready();
  void accept_all();
  bool accept_one();  // False when there is none, or none can be had.
  void pause(int error);
  void tick_later();
  void drain();

  Loop::Impl& loop;
  SessionFactory& sessions;
  Admission& admission;
  const Options options;
  NetStats stats;
  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer pause_timer;
  boost::asio::steady_timer tick_timer;
  Wheel wheel;  // Holds every connection.
  Time trouble_told;
  Time handshake_told;
  bool draining = false;
};

}  // namespace sluice::net
