// json.h: just enough to print JSON.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace sluice::cli {

/// `text` as a JSON string, quotes included. Bytes above 127 pass as they are.
inline std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out += '"';
}

}  // namespace sluice::cli
