#include "simulate/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "core/file_error.h"

namespace sluice::simulate {
namespace {

class File final : public ByteSource {
 public:
  File(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() override {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  Result<std::size_t> read(char* to, std::size_t size) override {
    for (;;) {
      const auto n = ::read(fd_, to, size);
      if (n >= 0) {
        consumed_ += static_cast<std::uint64_t>(n);
        return static_cast<std::size_t>(n);
      }
      if (errno != EINTR) return Error{Code::unavailable, path_ + ": " + file_error(errno)};
    }
  }
  std::uint64_t consumed() const override { return consumed_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_;
  std::uint64_t consumed_ = 0;
};

/// A file whose first bytes were already read to see what it is.
class Plain final : public ByteSource {
 public:
  Plain(std::unique_ptr<File> file, std::string head) : file_(std::move(file)), head_(std::move(head)) {}
  Result<std::size_t> read(char* to, std::size_t size) override {
    if (head_.empty()) return file_->read(to, size);
    const auto n = std::min(size, head_.size());
    std::memcpy(to, head_.data(), n);
    head_.erase(0, n);
    return n;
  }
  std::uint64_t consumed() const override { return file_->consumed(); }

 private:
  std::unique_ptr<File> file_;
  std::string head_;
};

class Gzip final : public ByteSource {
 public:
  Gzip(std::unique_ptr<File> file, const std::string& head)
      : file_(std::move(file)), in_(LineReader::kBlock) {
    std::memcpy(in_.data(), head.data(), head.size());
    z_.next_in = in_.data();
    z_.avail_in = static_cast<uInt>(head.size());
    ready_ = inflateInit2(&z_, 15 + 16) == Z_OK;  // 15: the largest window; 16: gzip, and nothing else.
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() override {
    if (ready_) inflateEnd(&z_);
  }

  Result<std::size_t> read(char* to, std::size_t size) override {
    if (!ready_) return Error{Code::unavailable, file_->path() + ": no memory for zlib"};
    z_.next_out = reinterpret_cast<Bytef*>(to);
    z_.avail_out = static_cast<uInt>(size);
    while (z_.avail_out == size && !done_) {
      if (const auto more = refill(); !more) return more.error();
      if (done_) break;
      const int code = inflate(&z_, Z_NO_FLUSH);
      in_member_ = code != Z_STREAM_END;
      if (code == Z_STREAM_END) inflateReset(&z_);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return Error{Code::data_loss, file_->path() + ": damaged gzip data at about byte " +
                                          std::to_string(file_->consumed() - z_.avail_in) + " (" +
                                          (z_.msg == nullptr ? "no reason given" : z_.msg) +
                                          "); what is whole of it: gzip -dc FILE | sluice simulate -"};
    }
    return size - z_.avail_out;
  }
  std::uint64_t consumed() const override { return file_->consumed(); }

 private:
  /// Between members zeros may stand (tapes pad with them) and at the end anything that is no member: as
  /// gzip(1).
  Status refill() {
    for (;;) {
      if (!in_member_)
        while (z_.avail_in > 0 && *z_.next_in == 0) ++z_.next_in, --z_.avail_in;
      const bool need = in_member_ ? z_.avail_in == 0 : z_.avail_in < 2;
      if (need && !file_ended_) {
        std::memmove(in_.data(), z_.next_in, z_.avail_in);
        z_.next_in = in_.data();
        const auto n =
            file_->read(reinterpret_cast<char*>(in_.data()) + z_.avail_in, in_.size() - z_.avail_in);
        if (!n) return n.error();
        z_.avail_in += static_cast<uInt>(*n);
        file_ended_ = *n == 0;
        continue;
      }
      if (in_member_ && z_.avail_in == 0)
        return Error{Code::data_loss,
                     file_->path() +
                         ": the gzip data ends in the middle: the file is cut off; what is whole of "
                         "it: gzip -dc FILE | sluice simulate -"};
      if (!in_member_ && (z_.avail_in < 2 || z_.next_in[0] != 0x1f || z_.next_in[1] != 0x8b)) done_ = true;
      return Done{};
    }
  }

  std::unique_ptr<File> file_;
  std::vector<Bytef> in_;
  z_stream z_{};
  bool ready_ = false;
  bool in_member_ = true;
  bool file_ended_ = false;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return Error{errno == ENOENT ? Code::not_found : Code::unavailable, path + ": " + file_error(errno)};
  auto file = std::make_unique<File>(path == "-" ? "standard input" : path, fd);
  std::string head(2, '\0');
  std::size_t have = 0;
  while (have < head.size()) {  // A pipe may bring one byte at a time.
    const auto n = file->read(head.data() + have, head.size() - have);
    if (!n) return n.error();
    if (*n == 0) break;
    have += *n;
  }
  head.resize(have);
  if (head == "\x1f\x8b") return std::unique_ptr<ByteSource>(std::make_unique<Gzip>(std::move(file), head));
  return std::unique_ptr<ByteSource>(std::make_unique<Plain>(std::move(file), std::move(head)));
}

Status LineReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + at_, filled_ - at_);
  filled_ -= at_;
  searched_ -= at_;
  at_ = 0;
  const auto n = source_.read(buffer_.data() + filled_, buffer_.size() - filled_);
  if (!n) return n.error();
  filled_ += *n;
  ended_ = *n == 0;
  return Done{};
}

Result<LineReader::Next> LineReader::next(std::string_view& line) {
  for (;;) {
    const char* const base = buffer_.data();
    const auto* const newline =
        static_cast<const char*>(std::memchr(base + searched_, '\n', filled_ - searched_));
    const bool last = newline == nullptr && ended_;
    if (newline != nullptr || (last && (at_ != filled_ || skipping_))) {
      const auto line_end = last ? filled_ : static_cast<std::size_t>(newline - base);
      line = std::string_view(base + at_, line_end - at_);
      at_ = searched_ = last ? filled_ : line_end + 1;
      if (line.ends_with('\r')) line.remove_suffix(1);
      const bool long_one = std::exchange(skipping_, false) || line.size() > kLineMax;
      return long_one ? Next::too_long : Next::line;
    }
    if (last) return Next::end;
    searched_ = filled_;
    if (filled_ - at_ >
        kLineMax + 1) {  // One for a carriage return. Forget the line's beginning; its end will tell.
      skipping_ = true;
      at_ = filled_;
    }
    if (const auto filled = fill(); !filled) return filled.error();
  }
}

}  // namespace sluice::simulate
