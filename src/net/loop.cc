#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/fd.h"
#include "net/loop_impl.h"

namespace sluice::net {

namespace asio = boost::asio;

namespace {

struct Repeating {
  Repeating(asio::io_context& context, Duration p, std::function<void()> w)
      : timer(context), period(p), work(std::move(w)) {}
  void start() {
    timer.expires_after(period);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      work();
      start();
    });
  }
  asio::steady_timer timer;
  Duration period;
  std::function<void()> work;
};

struct Signals {
  Signals(asio::io_context& context, std::function<void(int)> w) : set(context), work(std::move(w)) {}
  void start() {
    set.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      work(signal);
      start();
    });
  }
  asio::signal_set set;
  std::function<void(int)> work;
};

struct Readable {
  Readable(asio::io_context& context, int fd, std::function<void()> w)
      : descriptor(context, fd), work(std::move(w)) {}
  ~Readable() { descriptor.release(); }
  void start() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                            if (error) return;
                            work();
                            start();
                          });
  }
  asio::posix::stream_descriptor descriptor;
  std::function<void()> work;
};

/// An event that becomes readable stands behind all sockets that are, and is reached when they are done.
struct Probe {
  explicit Probe(Loop::Impl& l) : loop(l), event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  void send() {
    if (under_way) return;
    under_way = true;
    sent = Clock::now();
    const std::uint64_t one = 1;
    (void)!::write(event.get(), &one, sizeof one);
  }
  void back() {
    std::uint64_t count = 0;
    (void)!::read(event.get(), &count, sizeof count);
    under_way = false;
    loop.pressure.probed(Clock::now() - sent);
    if (loop.pressure.limit() > Duration{0} && loop.pressure.waited() > loop.pressure.limit() / 2) send();
  }

  Loop::Impl& loop;
  const Fd event;
  Time sent;
  bool under_way = false;
};

constexpr Duration kProbeEvery = std::chrono::milliseconds(100);

}  // namespace

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() {
  const auto guard = asio::make_work_guard(impl_->context);
  impl_->context.run();
}

void Loop::stop() { impl_->context.stop(); }
void Loop::restart() { impl_->context.restart(); }

void Loop::post(std::function<void()> work) { asio::post(impl_->context, std::move(work)); }

void Loop::every(Duration period, std::function<void()> work) {
  auto kept = std::make_shared<Repeating>(impl_->context, period, std::move(work));
  kept->start();
  impl_->kept.push_back(std::move(kept));
}

void Loop::after(Duration delay, std::function<void()> work) {
  auto timer = std::make_unique<asio::steady_timer>(impl_->context, delay);
  auto& t = *timer;  // The handler owns its timer.
  t.async_wait([timer = std::move(timer), work = std::move(work)](const boost::system::error_code& error) {
    if (!error) work();
  });
}

void Loop::probe(Duration shed_after) {
  auto probe = std::make_shared<Probe>(*impl_);
  if (!probe->event) return;  // Out of descriptors: nothing is shed.
  impl_->pressure.limit(shed_after);
  on_readable(probe->event.get(), [probe] { probe->back(); });
  every(kProbeEvery, [probe] { probe->send(); });
}

Pressure& Loop::pressure() { return impl_->pressure; }
const Pressure& Loop::pressure() const { return impl_->pressure; }

void Loop::on_signal(std::initializer_list<int> signals, std::function<void(int)> work) {
  auto kept = std::make_shared<Signals>(impl_->context, std::move(work));
  for (const int signal : signals) kept->set.add(signal);
  kept->start();
  impl_->kept.push_back(std::move(kept));
}

void Loop::on_readable(int fd, std::function<void()> work) {
  auto kept = std::make_shared<Readable>(impl_->context, fd, std::move(work));
  kept->start();
  impl_->kept.push_back(std::move(kept));
}

}  // namespace sluice::net
