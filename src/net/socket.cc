#include "net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

namespace sluice::net {

namespace {

constexpr int kBacklog = 4096;  // The kernel lowers it to net.core.somaxconn.

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

Error failed(const Address& address, std::string_view what, int code) {
  std::string mend;
  if (code == EADDRINUSE)
    mend = "; another process listens there: stop it, or choose another port (0 takes a free one)";
  if (code == EACCES && address.kind == Address::Kind::tcp)
    mend = "; ports below 1024 are for root: choose a higher one";
  if (code == EACCES && address.kind == Address::Kind::unix_path)
    mend = "; this user may not write to that directory";
  if (code == ENOENT) mend = "; does the directory exist?";
  if (code == EADDRNOTAVAIL)
    mend = "; this machine has no such address: take 127.0.0.1, or * for every interface";
  return {Code::unavailable,
          "cannot " + std::string(what) + " " + address.text() + ": " + std::strerror(code) + mend};
}

Result<SocketAddress> resolve(const Address& address) {
  SocketAddress result;
  if (address.kind == Address::Kind::unix_path) {
    auto* un = reinterpret_cast<sockaddr_un*>(&result.storage);
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, address.path.c_str(), address.path.size() + 1);  // parse() bounded it.
    result.length = sizeof(sockaddr_un);
    return result;
  }
  if (address.host == "*") {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    v6->sin6_addr = in6addr_any;  // With IPV6_V6ONLY off: IPv4 as well.
    result.length = sizeof(sockaddr_in6);
    return result;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (code != 0)
    return Error{Code::not_found, "cannot find the host of " + address.text() + ": " + gai_strerror(code) +
                                      "; check the name, or write a number such as 127.0.0.1"};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  const addrinfo* best = list;  // "localhost" means 127.0.0.1 to most clients.
  for (const addrinfo* i = list; i != nullptr; i = i->ai_next)
    if (i->ai_family == AF_INET) {
      best = i;
      break;
    }
  std::memcpy(&result.storage, best->ai_addr, best->ai_addrlen);
  result.length = best->ai_addrlen;
  return result;
}

Fd open_socket(int family, int flags) { return Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }

void set(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

bool is_loopback(const SocketAddress& a) {
  if (a.family() == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in*>(&a.storage)->sin_addr.s_addr) >> 24 == 127;
  return a.family() == AF_UNIX ||
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&a.storage)->sin6_addr);
}

Result<Fd> bind_one(const Address& address, const SocketAddress& to, bool share) {
  Fd fd = open_socket(to.family(), SOCK_NONBLOCK);
  if (!fd && to.family() == AF_INET6 && address.host == "*") {  // A machine without IPv6.
    SocketAddress v4;
    auto* in = reinterpret_cast<sockaddr_in*>(&v4.storage);
    in->sin_family = AF_INET;
    in->sin_port = reinterpret_cast<const sockaddr_in6*>(&to.storage)->sin6_port;
    v4.length = sizeof(sockaddr_in);
    return bind_one(address, v4, share);
  }
  if (!fd) return failed(address, "open a socket for", errno);
  if (to.family() != AF_UNIX) set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (to.family() == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.host == "*" ? 0 : 1);
  if (share) set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (::bind(fd.get(), to.get(), to.length) != 0) return failed(address, "listen on", errno);
  return fd;
}

void set_port(SocketAddress& address, std::uint16_t port) {
  if (address.family() == AF_INET) reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  if (address.family() == AF_INET6)
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
}

std::uint16_t port_of(int fd) {
  SocketAddress a;
  a.length = sizeof a.storage;
  ::getsockname(fd, a.get(), &a.length);
  return ntohs(a.family() == AF_INET ? reinterpret_cast<sockaddr_in*>(&a.storage)->sin_port
                                     : reinterpret_cast<sockaddr_in6*>(&a.storage)->sin6_port);
}

Status start_listening(const Address& address, const Fd& fd) {
  if (::listen(fd.get(), kBacklog) != 0) return failed(address, "listen on", errno);
  return Done{};
}

Result<Bound> bind_tcp(const Address& address, std::size_t copies) {
  auto to = resolve(address);
  if (!to) return to.error();
  // SO_REUSEPORT would let a second server of the same user share the port unnoticed: a socket without it
  // finds out.
  if (address.port != 0)
    if (auto probe = bind_one(address, *to, false); !probe) return probe.error();
  Bound bound{address, {}, {}, is_loopback(*to)};
  while (bound.sockets.size() < copies) {
    auto fd = bind_one(address, *to, true);
    if (!fd) return fd.error();
    if (bound.address.port == 0) {
      bound.address.port = port_of(fd->get());
      set_port(*to, bound.address.port);
    }
    bound.sockets.push_back(std::move(*fd));
  }
  for (const auto& fd : bound.sockets)
    if (auto status = start_listening(bound.address, fd); !status) return status.error();
  return bound;
}

/// Removes a socket file that nobody listens on. Anything else that lies there is not ours to remove.
Status make_way(const Address& address, const SocketAddress& to) {
  struct stat info{};
  if (::lstat(address.path.c_str(), &info) != 0) return Done{};
  if (!S_ISSOCK(info.st_mode))
    return Error{Code::unavailable,
                 "cannot listen on " + address.text() +
                     ": a file that is no socket lies there; move it or choose another path"};
  const Fd probe = open_socket(AF_UNIX, SOCK_NONBLOCK);
  if (::connect(probe.get(), to.get(), to.length) == 0 || errno == EAGAIN)
    return failed(address, "listen on", EADDRINUSE);
  if (errno != ECONNREFUSED) return failed(address, "listen on", errno);
  ::unlink(address.path.c_str());
  return Done{};
}

Result<Bound> with_copies(Bound bound, Fd fd, std::size_t copies) {
  bound.sockets.push_back(std::move(fd));
  while (bound.sockets.size() < copies) {
    Fd copy(::fcntl(bound.sockets[0].get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return failed(bound.address, "listen on", errno);
    bound.sockets.push_back(std::move(copy));
  }
  return bound;
}

/// With a mode: bind() gives the file the socket's, less the umask, so that it is never open to more; then
/// chmod() adds what the umask took.
Result<Bound> bind_unix(const Address& address, std::size_t copies, std::optional<mode_t> mode) {
  auto to = resolve(address);
  if (!to) return to.error();
  if (auto status = make_way(address, *to); !status) return status.error();
  Bound bound{address, {}, {}, true};
  Fd fd = open_socket(AF_UNIX, SOCK_NONBLOCK);
  if (!fd) return failed(address, "open a socket for", errno);
  if (mode && ::fchmod(fd.get(), *mode) != 0) return failed(address, "set the mode of", errno);
  if (::bind(fd.get(), to->get(), to->length) != 0) return failed(address, "listen on", errno);
  bound.file = UnixFile(address.path);
  if (mode && ::chmod(address.path.c_str(), *mode) != 0) return failed(address, "set the mode of", errno);
  if (auto status = start_listening(address, fd); !status) return status.error();
  return with_copies(std::move(bound), std::move(fd), copies);
}

int option(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

Address address_of(const SocketAddress& a) {
  Address address{.kind = Address::Kind::tcp, .host = {}, .port = 0, .path = {}};
  char host[INET6_ADDRSTRLEN] = "";
  if (a.family() == AF_UNIX) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(&a.storage);
    const auto size = std::min<std::size_t>(a.length - offsetof(sockaddr_un, sun_path), sizeof un->sun_path);
    const bool abstract = size > 0 && un->sun_path[0] == '\0';
    address.kind = Address::Kind::unix_path;
    address.path = abstract ? "@" + std::string(un->sun_path + 1, size - 1)
                            : std::string(un->sun_path, ::strnlen(un->sun_path, size));
  } else if (a.family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&a.storage);
    address.host = ::inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    address.port = ntohs(in->sin_port);
  } else {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&a.storage);
    address.host = ::inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
    address.port = ntohs(in->sin6_port);
  }
  return address;
}

}  // namespace

UnixFile::UnixFile(std::string path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return;
  path_ = std::move(path);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  made_ = info.st_mtim;  // Unlike the change time, it stays when an administrator sets the mode.
}

UnixFile& UnixFile::operator=(UnixFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  std::swap(made_, other.made_);
  return *this;
}

UnixFile::~UnixFile() {
  struct stat info{};
  if (path_.empty() || ::lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_ && info.st_mtim.tv_sec == made_.tv_sec &&
      info.st_mtim.tv_nsec == made_.tv_nsec)
    ::unlink(path_.c_str());
}

Result<Bound> bind_all(const Address& address, std::size_t copies, std::optional<mode_t> unix_mode) {
  return address.kind == Address::Kind::tcp ? bind_tcp(address, copies)
                                            : bind_unix(address, copies, unix_mode);
}

Result<Bound> adopt(Fd socket, std::size_t copies) {
  const int fd = socket.get();
  SocketAddress a;
  a.length = sizeof a.storage;
  const bool known = ::getsockname(fd, a.get(), &a.length) == 0 &&
                     (a.family() == AF_INET || a.family() == AF_INET6 || a.family() == AF_UNIX);
  if (!known || option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_ACCEPTCONN) != 1)
    return Error{Code::invalid_argument,
                 "is no stream socket that listens; use ListenStream= with Accept=no"};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return Error{Code::unavailable, std::string("cannot be made non-blocking: ") + std::strerror(errno)};
  return with_copies({address_of(a), {}, {}, is_loopback(a)}, std::move(socket), copies);
}

Result<Fd> connect_to(const Address& address, Duration timeout) {
  if (address.kind == Address::Kind::none)
    return Error{Code::invalid_argument, "no server address: \"none\" cannot be connected to"};
  auto to = resolve(address);
  if (!to) return to.error();
  if (address.host == "*") {  // A client's every interface is loopback.
    auto local = address;
    local.host = "127.0.0.1";
    return connect_to(local, timeout);
  }
  Fd fd = open_socket(to->family(), 0);
  if (!fd) return failed(address, "open a socket for", errno);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  const timeval tv{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);  // Bounds connect() as well.
  if (::connect(fd.get(), to->get(), to->length) != 0) {
    const int code = errno;
    return Error{Code::unavailable, "cannot connect to " + address.text() + ": " +
                                        (code == EINPROGRESS ? "no answer in time" : std::strerror(code)) +
                                        "; is `sluice serve` running there?"};
  }
  if (to->family() != AF_UNIX) set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

std::size_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const auto before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  }
  return limit.rlim_cur;
}

}  // namespace sluice::net
