#include "server/snapshot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include "net/fd.h"

namespace sluice::server {

namespace {

using net::Fd;

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kSetAsideMax = 1000;
constexpr mode_t kMode = 0600;  // The seed of the key hash is nobody else's business.

Error trouble(const std::string& what, const std::string& path, const char* mend) {
  return {Code::unavailable, what + " " + path + ": " + std::strerror(errno) + "; " + mend};
}

constexpr const char* kWriteMend =
    "make room, or let the setting snapshot name a file in a folder that this user may write to";
constexpr const char* kReadMend =
    "make it readable for this user, or move it away to start with all buckets full";

std::string temporary(const std::string& path) { return path + ".tmp"; }

std::int64_t read_clock(clockid_t id) {
  timespec t{};
  ::clock_gettime(id, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

/// "4c8ee1f0-…" as 16 bytes; zeros if the system does not tell.
std::array<char, 16> boot_id() {
  std::array<char, 16> id{};
  const Fd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const auto n = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  std::size_t digits = 0;
  for (std::size_t i = 0; n > 0 && i < static_cast<std::size_t>(n) && digits < 32; ++i) {
    const char c = text[i];
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0) continue;
    id[digits / 2] = static_cast<char>(id[digits / 2] << 4 | value);
    ++digits;
  }
  return digits == 32 ? id : std::array<char, 16>{};
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return trouble("cannot write the snapshot", path, kWriteMend);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Done{};
}

/// A rename is only sure to outlive a power cut when its folder has been written too.
void sync_folder(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());  // Some file systems cannot; the data is safe all the same.
}

Result<Fd> create(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
  if (!fd) return trouble("cannot write the snapshot", path, kWriteMend);
  return fd;
}

Result<store::SnapshotTotals> write_file(store::LocalStore& store, const std::string& path) {
  auto fd = create(path);
  if (!fd) return fd.error();
  const Time now = Clock::now();  // Before the moment: the buckets' time is never older than it says.
  auto totals = store::write_snapshot(
      store, now, moment_now(), [&](std::string_view bytes) { return write_all(fd->get(), bytes, path); });
  if (totals && ::fsync(fd->get()) != 0) return trouble("cannot write the snapshot", path, kWriteMend);
  return totals;
}

/// Feeds the whole file; the inner status is the reader's.
Result<Status> read_file(int fd, const std::string& path, store::SnapshotReader& reader) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kReadBytes);
  if (::lseek(fd, 0, SEEK_SET) != 0) return trouble("cannot read the snapshot", path, kReadMend);
  for (;;) {
    const auto n = ::read(fd, buffer.get(), kReadBytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return trouble("cannot read the snapshot", path, kReadMend);
    if (n == 0) return reader.finish();
    if (auto status = reader.feed({buffer.get(), static_cast<std::size_t>(n)}); !status) return status;
  }
}

Result<std::string> set_aside(const std::string& path) {
  std::string to;
  struct stat info{};
  for (int n = 1; n <= kSetAsideMax; ++n) {
    to = path + ".damaged-" + std::to_string(n);
    if (::lstat(to.c_str(), &info) != 0) break;
  }
  if (::rename(path.c_str(), to.c_str()) != 0)
    return trouble("cannot set aside the damaged snapshot", path, "move it away yourself");
  return to;
}

}  // namespace

store::Moment moment_now() {
  static const auto this_boot = boot_id();  // Who only asks for the time asks often.
  return {.wall_ns = read_clock(CLOCK_REALTIME), .boot_ns = read_clock(CLOCK_BOOTTIME), .boot_id = this_boot};
}

Result<store::SnapshotTotals> save_snapshot(store::LocalStore& store, const std::string& path) {
  const std::string next = temporary(path);
  auto totals = write_file(store, next);
  if (totals && ::rename(next.c_str(), path.c_str()) != 0)
    totals = trouble("cannot rename the snapshot to", path, kWriteMend);
  if (!totals) {
    ::unlink(next.c_str());
    return totals;
  }
  sync_folder(path);
  return totals;
}

Status check_snapshot_place(const std::string& path) {
  const std::string next = temporary(path);
  if (auto fd = create(next); !fd) return fd.error();
  ::unlink(next.c_str());
  return Done{};
}

Result<LoadedSnapshot> load_snapshot(store::LocalStore& store, const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return LoadedSnapshot{};
  if (!fd) return trouble("cannot read the snapshot", path, kReadMend);
  store::SnapshotReader checker;
  const auto good = read_file(fd.get(), path, checker);
  if (!good) return good.error();
  if (!*good) {
    const auto to = set_aside(path);
    if (!to) return to.error();
    return LoadedSnapshot{.set_aside =
                              "the snapshot " + path + " cannot be used (" + good->error().message +
                              "): it now lies at " + *to +
                              ", and all buckets start full; if you have a good copy, stop the server, put "
                              "it in its place, and start again"};
  }
  const store::Moment moment = moment_now();
  const store::SnapshotTarget target{
      .store = store, .now = Clock::now(), .moment = moment, .buckets = checker.totals().buckets};
  store::SnapshotReader reader(&target);
  const auto again = read_file(fd.get(), path, reader);
  if (!again) return again.error();
  if (!*again)
    return Error{Code::data_loss, "the snapshot " + path + " changed while it was read (" +
                                      again->error().message + "); one file serves one server only"};
  return LoadedSnapshot{.found = true,
                        .totals = reader.totals(),
                        .age = store::elapsed(reader.moment(), moment),
                        .set_aside = {}};
}

}  // namespace sluice::server
