// command.h: commands as Redis reads them: an array of bulk strings.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::redis {

inline void append_header(char type, std::size_t n, std::string& out) {
  char digits[24] = {type};
  char* end = std::to_chars(digits + 1, digits + sizeof digits - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(digits, end);
}

/// The name of the command is the first of its arguments.
inline void begin_command(std::size_t arguments, std::string& out) { append_header('*', arguments, out); }

inline void append_argument(std::string_view argument, std::string& out) {
  append_header('$', argument.size(), out);
  out.append(argument).append("\r\n");
}
inline void append_argument(std::int64_t number, std::string& out) {
  char digits[24];
  append_argument(std::string_view(digits, std::to_chars(digits, digits + sizeof digits, number).ptr), out);
}

}  // namespace sluice::redis
