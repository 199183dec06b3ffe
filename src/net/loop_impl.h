// loop_impl.h: what src/net/*.cc shares of a loop. Includes Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <list>
#include <memory>
#include <string>

#include "net/loop.h"
#include "net/pressure.h"

namespace sluice::net {

struct Loop::Impl {
  // One thread runs the loop and alone touches its sockets, so their locks are off; the queue of handlers
  // keeps its lock for post() from other threads.
  boost::asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  // Replies are built here and written at once; a connection keeps its own only while its peer does not read.
  std::string out;
  Pressure pressure;
  std::list<std::shared_ptr<void>>
      kept;  // Timers, signals and watched descriptors; last, so that they go first.
};

}  // namespace sluice::net
