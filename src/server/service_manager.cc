#include "server/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include <cstddef>
#include <cstring>

#include "core/number.h"

namespace sluice::server {

namespace {

constexpr int kFirstSocket = 3;  // SD_LISTEN_FDS_START.
constexpr std::int64_t kSocketsMax = 64;

std::string_view text_of(const char* variable) { return variable != nullptr ? variable : ""; }

bool for_us(std::string_view pid) { return parse_number<std::int64_t>(pid) == ::getpid(); }

Error wrong(std::string_view what, std::string_view value) {
  return {Code::invalid_argument,
          std::string(what) + "=" + std::string(value) +
              " does not fit what was passed; is it set by hand? Let systemd set it, or unset it"};
}

Result<std::vector<ServiceManager::Socket>> read_sockets(std::string_view count, std::string_view names) {
  const auto n = parse_number<std::int64_t>(count);
  if (!n || *n < 0 || *n > kSocketsMax) return wrong("LISTEN_FDS", count);
  std::vector<ServiceManager::Socket> sockets;
  for (int i = 0; i < static_cast<int>(*n); ++i) {
    const int fd = kFirstSocket + i;
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return wrong("LISTEN_FDS", count);
    const auto end = std::min(names.find(':'), names.size());
    sockets.push_back({std::string(names.substr(0, end)), net::Fd(fd)});
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return sockets;
}

}  // namespace

Result<ServiceManager> ServiceManager::from_environment(
    const std::function<const char*(const char*)>& environment) {
  ServiceManager manager;
  const char* const count = environment("LISTEN_FDS");
  if (count != nullptr && for_us(text_of(environment("LISTEN_PID")))) {
    auto sockets = read_sockets(count, text_of(environment("LISTEN_FDNAMES")));
    if (!sockets) return sockets.error();
    manager.sockets_ = std::move(*sockets);
  }
  const auto notify = text_of(environment("NOTIFY_SOCKET"));
  if (notify.starts_with('/') || notify.starts_with('@')) manager.notify_ = notify;
  const auto watched = environment("WATCHDOG_PID");
  const auto microseconds = parse_number<std::int64_t>(text_of(environment("WATCHDOG_USEC")));
  constexpr std::int64_t kLongest = INT64_MAX / 1000;
  if (microseconds && *microseconds > 0 && *microseconds <= kLongest &&
      (watched == nullptr || for_us(watched)))
    manager.watchdog_ = std::chrono::microseconds(*microseconds);
  return manager;
}

void ServiceManager::reloading() const {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now) + "\nSTATUS=Reading limits and policies again");
}

void ServiceManager::tell(std::string_view message) const {
  sockaddr_un address{};
  if (notify_.empty() || notify_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify_.data(), notify_.size());
  if (notify_[0] == '@') address.sun_path[0] = '\0';
  const auto length = offsetof(sockaddr_un, sun_path) + notify_.size();
  const net::Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Nobody can be told that nobody can be told.
  [[maybe_unused]] const auto sent =
      ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
}

}  // namespace sluice::server
