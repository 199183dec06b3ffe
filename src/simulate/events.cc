#include "simulate/events.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace sluice::simulate {
namespace {

Error failed(const char* what) {
  return Error{Code::unavailable, std::string("temporary file for the log's events: ") + what + ": " +
                                      std::strerror(errno) + "; set TMPDIR to a directory with room"};
}

std::FILE* unnamed_file() {
  const char* const directory = std::getenv("TMPDIR");
  std::string name =
      std::string(directory == nullptr || *directory == '\0' ? "/tmp" : directory) + "/sluice-XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return nullptr;
  ::unlink(name.c_str());
  return ::fdopen(fd, "w+");
}

}  // namespace

Status EventSpool::add(const Event& event) {
  if (tail_.size() == kBlock)
    if (const auto flushed = flush(); !flushed) return flushed.error();
  if (tail_.empty()) tail_.reserve(kBlock);
  tail_.push_back(event);
  ++size_;
  return Done{};
}

Status EventSpool::flush() {
  if (!file_) file_.reset(unnamed_file());
  if (!file_) return failed("cannot be made");
  const auto* bytes = reinterpret_cast<const char*>(tail_.data());
  std::size_t left = tail_.size() * sizeof(Event);
  while (left > 0) {
    const auto n = ::write(::fileno(file_.get()), bytes, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("write");
    bytes += n;
    left -= static_cast<std::size_t>(n);
  }
  in_file_ += tail_.size();
  tail_.clear();
  return Done{};
}

Status EventSpool::read_block(std::uint64_t at, std::vector<Event>& block) const {
  auto* bytes = reinterpret_cast<char*>(block.data());
  std::size_t left = block.size() * sizeof(Event);
  auto offset = static_cast<off_t>(at * sizeof(Event));
  while (left > 0) {
    const auto n = ::pread(::fileno(file_.get()), bytes, left, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("read");
    bytes += n;
    offset += n;
    left -= static_cast<std::size_t>(n);
  }
  return Done{};
}

}  // namespace sluice::simulate
