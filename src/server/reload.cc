#include "server/reload.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include "policy/limits_yaml.h"
#include "server/log.h"

namespace sluice::server {

namespace {

constexpr Duration kPoll = std::chrono::seconds(1);
constexpr Duration kSettle = std::chrono::milliseconds(50);  // One editor's save is several events.

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Reload::Reload(std::string path, std::string text, policy::Current& limits, Process& process)
    : path_(std::move(path)), limits_(limits), process_(process), text_(std::move(text)) {
  last_ = settled_ = look();
}

Reload::Seen Reload::look() const {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0) return {};
  return {info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino};
}

bool Reload::now() { return take(true); }

bool Reload::take(bool even_if_same) {
  auto text = policy::read_small_file(path_);
  if (text && *text == text_ && !even_if_same) {
    refused_.clear();
    return true;
  }
  policy::LimitsReading reading;
  if (text)
    reading = policy::read_limits(*text, path_);
  else
    reading.problems.push_back({path_, {}, text.error().message});
  if (!reading) {
    const auto refused = text ? *text : text.error().message;
    if (refused == refused_ && !even_if_same) return false;
    refused_ = refused;
    process_.rejected.fetch_add(1, std::memory_order_relaxed);
    const auto more = reading.problems.size() - 1;
    log(Level::error,
        "limits refused, the old ones stay in force: " + reading.problems[0].text() +
            (more > 0 ? " (and " + std::to_string(more) + " more: sluice check " + path_ + ")" : ""));
    return false;
  }
  text_ = std::move(*text);
  refused_.clear();
  const auto count = reading.limits.all().size();
  limits_.replace(std::make_shared<const policy::LimitSet>(std::move(reading.limits)));
  process_.reloads.fetch_add(1, std::memory_order_relaxed);
  log(Level::info, "limits reloaded from " + path_ + ": " + std::to_string(count));
  return true;
}

void Reload::watch(net::Loop& loop) {
  loop_ = &loop;
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  // The folder, not the file: an editor that renames over it makes another file of that name. A file that
  // vanishes is left to poll(): most come back at once.
  if (inotify_ &&
      ::inotify_add_watch(inotify_.get(), folder_of(path_).c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) >= 0)
    loop.on_readable(inotify_.get(), [this] { drain_events(); });
  loop.every(kPoll, [this] { poll(); });
}

void Reload::drain_events() {
  alignas(inotify_event) char events[4096];
  while (::read(inotify_.get(), events, sizeof events) > 0) {  // Whatever it was: the file is looked at.
  }
  if (pending_) return;
  pending_ = true;
  loop_->after(kSettle, [this] { changed(); });
}

void Reload::changed() {
  pending_ = false;
  last_ = settled_ = look();
  take(false);
}

void Reload::poll() {
  const Seen seen = look();
  const bool still = seen == last_;
  last_ = seen;
  if (!still || seen == settled_ || pending_) return;
  settled_ = seen;
  take(false);
}

}  // namespace sluice::server
