#include "wire/json_writer.h"

#include <charconv>

#include "core/hex.h"
#include "wire/json_utf8.h"

namespace sluice::wire {

void json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t n = c < 0x80 ? 1 : utf8_length(text.substr(i));
    if (c == '"' || c == '\\') {
      out.append({'\\', text[i]});
    } else if (c < 0x20 || c == 0x7F) {
      out.append("\\u00").append({kHexDigits[c >> 4], kHexDigits[c & 15]});
    } else if (n == 0) {
      out.append("\xEF\xBF\xBD");
    } else {
      out.append(text, i, n);
    }
    i += n == 0 ? 1 : n;
  }
  out.push_back('"');
}

void json_integer(std::string& out, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void json_seconds(std::string& out, Duration value) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  json_integer(out, value.count() / kSecond);
  auto fraction = value.count() % kSecond;
  if (fraction == 0) return;
  char digits[10] = {'.'};
  for (int i = 9; i > 0; --i, fraction /= 10) digits[i] = static_cast<char>('0' + fraction % 10);
  std::size_t n = 10;
  while (digits[n - 1] == '0') --n;
  out.append(digits, n);
}

}  // namespace sluice::wire
