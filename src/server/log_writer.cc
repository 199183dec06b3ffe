#include "server/log_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

namespace sluice::server {

namespace {

// A pipe that is ready has room for so much, so that writing it does not wait.
constexpr std::size_t kAtOnce = 4096;
constexpr int kLookMs = 100;  // How soon a writer that waits for a reader sees that it is to end.

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

struct LogWriter::Shared {
  const int fd;
  const std::size_t bytes_max;
  const std::function<std::string(std::uint64_t)> lost_line;

  std::mutex mutex;  // Of the next four.
  std::condition_variable more, done;
  std::string waiting;
  bool busy = false;
  bool ending = false;

  std::atomic<std::uint64_t> written{0}, lost{0};  // relaxed: for people.
  std::uint64_t lost_told = 0;                     // The thread's own, as is the next.
  bool mid_line = false;                           // What is written so far does not end in a newline.

  void run();
  void write_all(std::string_view text);
  bool write_some(std::string_view& text);
  void tell_lost();
};

/// False: no more of it can be written.
bool LogWriter::Shared::write_some(std::string_view& text) {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  const int n = ::poll(&ready, 1, kLookMs);
  if (n <= 0) {
    const std::scoped_lock lock(mutex);
    return !ending;
  }
  const auto wrote = ::write(fd, text.data(), std::min(text.size(), kAtOnce));
  if (wrote < 0) return errno == EINTR || errno == EAGAIN;
  written.fetch_add(count_lines(text.substr(0, static_cast<std::size_t>(wrote))), std::memory_order_relaxed);
  if (wrote > 0) mid_line = text[static_cast<std::size_t>(wrote) - 1] != '\n';
  text.remove_prefix(static_cast<std::size_t>(wrote));
  return true;
}

void LogWriter::Shared::write_all(std::string_view text) {
  while (!text.empty())
    if (!write_some(text)) {
      lost.fetch_add(count_lines(text), std::memory_order_relaxed);
      return;
    }
}

void LogWriter::Shared::tell_lost() {
  const auto all = lost.load(std::memory_order_relaxed);
  if (all == lost_told) return;
  const std::string line = (mid_line ? "\n" : "") + lost_line(all - lost_told);
  std::string_view rest = line;
  while (!rest.empty())
    if (!write_some(rest)) return;  // Told later.
  lost_told = all;
}

void LogWriter::Shared::run() {
  std::string text;
  std::unique_lock lock(mutex);
  for (;;) {
    more.wait(lock, [&] { return !waiting.empty() || ending; });
    if (waiting.empty()) return;
    text = mid_line ? "\n" : "";  // Half a line was lost: the next is one of its own all the same.
    text += waiting;
    waiting.clear();
    busy = true;
    lock.unlock();
    write_all(text);
    tell_lost();
    lock.lock();
    busy = false;
    if (waiting.empty()) done.notify_all();
  }
}

LogWriter::LogWriter(int fd, std::size_t bytes_max, std::function<std::string(std::uint64_t)> lost_line)
    : shared_(new Shared{.fd = fd, .bytes_max = bytes_max, .lost_line = std::move(lost_line)}) {
  // No signal is the writer's: not those that the loops wait for, and not a reader's end.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread thread([shared = shared_] { shared->run(); });
  ::pthread_setname_np(thread.native_handle(), "sluice-log");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  thread.detach();
}

LogWriter::~LogWriter() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->ending = true;
  shared_->more.notify_all();
}

void LogWriter::put(std::string_view line) {
  Shared& s = *shared_;
  const std::scoped_lock lock(s.mutex);
  if (s.waiting.size() + line.size() > s.bytes_max) {
    s.lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  s.waiting += line;
  s.more.notify_one();
}

bool LogWriter::flush(Duration most) {
  Shared& s = *shared_;
  std::unique_lock lock(s.mutex);
  return s.done.wait_for(lock, most, [&] { return s.waiting.empty() && !s.busy; });
}

std::uint64_t LogWriter::written() const { return shared_->written.load(std::memory_order_relaxed); }
std::uint64_t LogWriter::lost() const { return shared_->lost.load(std::memory_order_relaxed); }

}  // namespace sluice::server
