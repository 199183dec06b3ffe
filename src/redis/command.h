// command.h: commands as Redis reads them: an array of bulk strings, appended to a string.
//
//     std::string to;
//     append_command(to, "SET", key, value, "PX", 1500);
//
// or, where the arguments are counted at run time:
//
//     append_header(to, 2 + keys.size());
//     append_argument(to, "DEL"); ...
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::redis {

/// Begins a command of so many arguments, its name among them. Exactly so many must follow.
void append_header(std::string& to, std::size_t arguments);

void append_argument(std::string& to, std::string_view bytes);
void append_argument(std::string& to, std::int64_t number);
template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char> && sizeof(T) < sizeof(std::int64_t))
void append_argument(std::string& to, T number) {
  append_argument(to, static_cast<std::int64_t>(number));
}

template <class... Arguments>
void append_command(std::string& to, const Arguments&... arguments) {
  append_header(to, sizeof...(arguments));
  (append_argument(to, arguments), ...);
}

/// A command by itself.
template <class... Arguments>
std::string command(const Arguments&... arguments) {
  std::string text;
  append_command(text, arguments...);
  return text;
}

}  // namespace sluice::redis
