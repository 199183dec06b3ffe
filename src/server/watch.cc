#include "server/watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy_yaml.h"

namespace sluice::server {

namespace {

constexpr Duration kPoll = std::chrono::seconds(1);
constexpr Duration kSettle = std::chrono::milliseconds(50);  // One editor's save is several events.

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

Watch::Watch(std::string path, std::function<void()> changed)
    : path_(std::move(path)), changed_(std::move(changed)) {
  last_ = settled_ = look();
}

Watch::Seen Watch::look_at(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {path};
  return {path, info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino};
}

std::vector<Watch::Seen> Watch::look() const {
  std::vector<Seen> all;
  for (const auto& path : policy::policy_paths(path_)) all.push_back(look_at(path));
  return all;
}

void Watch::start(net::Loop& loop) {
  loop_ = &loop;
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  listen();
  if (inotify_) loop.on_readable(inotify_.get(), [this] { drain_events(); });
  loop.every(kPoll, [this] { poll(); });
}

// The folder around a file, not the file: an editor that renames over it makes another file of that name.
// What vanishes is left to poll(): most of it comes back at once. Listening twice to one folder is once.
void Watch::listen() {
  if (!inotify_) return;
  constexpr std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO;
  ::inotify_add_watch(inotify_.get(), folder_of(path_).c_str(), events);
  if (is_folder(path_)) ::inotify_add_watch(inotify_.get(), path_.c_str(), events);
}

void Watch::drain_events() {
  alignas(inotify_event) char events[4096];
  while (::read(inotify_.get(), events, sizeof events) > 0) {  // Whatever it was: the files are looked at.
  }
  if (pending_) return;
  pending_ = true;
  loop_->after(kSettle, [this] { settle(); });
}

void Watch::settle() {
  pending_ = false;
  listen();  // The path may lead to another folder now.
  last_ = settled_ = look();
  changed_();
}

void Watch::poll() {
  auto seen = look();
  const bool still = seen == last_;
  last_ = std::move(seen);
  if (!still || last_ == settled_ || pending_) return;
  settle();
}

}  // namespace sluice::server
