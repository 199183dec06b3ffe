// resp_writer.h: Redis replies, appended to a string. RESP2 has no maps, sets, booleans, doubles or verbatim
// strings: there they become what Redis sends in their place (docs/resp.md), so a command is written once for
// both.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "sluice/time.h"

namespace sluice::wire {

enum class RespVersion : std::uint8_t { resp2 = 2, resp3 = 3 };

class RespWriter {
 public:
  RespWriter(std::string& out, RespVersion version) : out_(out), version_(version) {}

  RespVersion version() const { return version_; }

  void simple(std::string_view text);  ///< One line: line breaks become spaces. Also in error().
  void error(std::string_view text);   ///< Begins with its code: "ERR no such limit".
  void integer(std::int64_t value) { number(':', value); }
  void bulk(std::string_view bytes);
  void null();
  void boolean(bool value);  ///< RESP2: the integer 1 or 0.
  /// A text for people. RESP2: a bulk string.
  void verbatim(std::string_view text);
  /// Seconds with their fraction, exact and as short as can be: "0", "1.5", "0.000000001". RESP2: a bulk
  /// string.
  void seconds(Duration value);

  /// So many values follow.
  void array(std::size_t values) { number('*', static_cast<std::int64_t>(values)); }
  /// So many pairs of name and value follow. RESP2: an array of both.
  void map(std::size_t pairs);
  /// RESP2: an array.
  void set(std::size_t values);
  /// An array of integers, at most 8: the quick way for the hot reply.
  void integers(std::initializer_list<std::int64_t> values);
  /// A reply that is written already.
  void raw(std::string_view reply) { out_.append(reply); }

 private:
  void number(char type, std::int64_t value);
  void one_line(char type, std::string_view text);

  std::string& out_;
  const RespVersion version_;
};

/// Writes `value` as seconds() does, without framing, and returns the end. At most 21 bytes.
char* write_seconds(char* to, Duration value);

}  // namespace sluice::wire
