// gzip.h: gzip (RFC 1952) of whole messages, by zlib. Bounded: a bomb is given up at the limit, not unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::wire {

enum class GunzipResult : std::uint8_t { ok, too_large, damaged };

/// Keeps zlib's state (about 300 kB once used both ways) for the next message. Not thread-safe.
class Gzip {
 public:
  Gzip();
  ~Gzip();

  /// Appends to `out` what one gzip member holds. With any other result `out` is as it was.
  GunzipResult unpack(std::string_view in, std::size_t bytes_max, std::string& out);
  /// Appends `in`, packed quickly rather than well, to `out`.
  void pack(std::string_view in, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::wire
