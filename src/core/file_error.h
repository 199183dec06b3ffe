// file_error.h: why a file could not be opened or read, with the mend where there is one.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

namespace sluice {

/// Of an errno, as in "No such file or directory; is the path right?".
inline std::string file_error(int code) {
  const auto* const mend = code == ENOENT || code == ENOTDIR ? "; is the path right?"
                           : code == EACCES                  ? "; this user may not read it"
                           : code == EISDIR                  ? "; name a file in it"
                                                             : "";
  return std::string(std::strerror(code)) + mend;
}

}  // namespace sluice
