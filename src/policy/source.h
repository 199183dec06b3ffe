// source.h: a file as it was read: what is in force can say from which text it comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice::policy {

inline constexpr std::size_t kVersionDigits = 12;

struct Source {
  Source() = default;
  Source(std::string name, std::string text, std::int64_t read_wall_ns);

  std::string name;     ///< Its path, as it was given.
  std::string version;  ///< The first 12 digits of `sha256sum FILE`. Empty: there is no file.
  std::string text;
  std::int64_t read_wall_ns = 0;  ///< When, since 1970.
};

}  // namespace sluice::policy
