// access_log.h: one line of an access log, in the common or the combined format, as it is.
//
//     host ident user [day/Mon/year:HH:MM:SS ±hhmm] "request" status bytes ...
//
// What stands behind the bytes (referer, agent, times) is not looked at. `user` may hold spaces and `request`
// quotes, escaped or not, as real logs do. Bytes in, fields out: no I/O, no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::simulate {

/// Views into the line that was parsed.
struct Entry {
  std::string_view host;
  std::string_view user;     ///< "-" where nobody was logged in.
  std::string_view request;  ///< Without its quotes; escapes are left as they are.
  std::int64_t bytes = 0;    ///< Of the answer; 0 where the log says "-".
  std::uint32_t second = 0;  ///< Since 1970 UTC, the zone taken into account.
  std::int32_t zone = 0;     ///< Seconds east of UTC that the line is written in.
};

/// The path that was asked for, without query and fragment, and without scheme and host where a proxy was
/// asked for them. "-" if the request line is none.
std::string_view path_of(std::string_view request);

/// Not thread-safe: it remembers the last time it read, since most lines repeat it.
class AccessLogParser {
 public:
  /// False if the line is not in the format; `out` is then unspecified. `line` carries no line end.
  /// Years are 1970 to 2105: seconds then fit 32 bits. Second 60 (a leap second) counts as the next minute's
  /// first.
  bool parse(std::string_view line, Entry& out);

 private:
  bool parse_time(const char* text, Entry& out);

  static constexpr std::size_t kTimeLength = 26;  // 01/Aug/1995:00:00:01 -0400
  std::array<char, kTimeLength>
      last_{};  // The text of the last time, of which second_ and zone_ are the value.
  std::uint32_t second_ = 0;
  std::int32_t zone_ = 0;
};

}  // namespace sluice::simulate
