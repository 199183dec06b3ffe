// line_reader.h: the lines of a file, plain or gzip, in constant memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.h"

namespace sluice::simulate {

/// Bytes of one file. "-" is the standard input. gzip is known by its first bytes, whatever the name; several
/// members behind one another (as rotated logs that were concatenated are) read as one.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Up to `size` bytes; 0 at the end. The error names the file.
  virtual Result<std::size_t> read(char* to, std::size_t size) = 0;
  /// Bytes of the file itself (compressed ones, if it is) that were read so far: for a progress bar.
  virtual std::uint64_t consumed() const = 0;

  static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
};

/// Cuts a source into lines. Not thread-safe.
class LineReader {
 public:
  static constexpr std::size_t kLineMax =
      64 * 1024;  ///< Bytes; a longer line is passed over and said to be too long.
  static constexpr std::size_t kBlock = 512 * 1024;

  explicit LineReader(ByteSource& source) : source_(source), buffer_(kBlock + kLineMax) {}

  enum class Next : std::uint8_t { line, too_long, end };
  /// The line, without its "\n" or "\r\n", is valid until the next call. A last line without a line end is a
  /// line.
  Result<Next> next(std::string_view& line);

 private:
  Status fill();

  ByteSource& source_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;        // First byte that was not handed out.
  std::size_t filled_ = 0;    // One behind the last byte read.
  std::size_t searched_ = 0;  // No line end between at_ and here.
  bool skipping_ = false;     // Inside a line that is too long.
  bool ended_ = false;
};

}  // namespace sluice::simulate
