#include "redis/command.h"

#include <charconv>
#include <cstring>

namespace sluice::redis {
namespace {

// "$12\r\n", written before `at` ends; the longest is a type, 20 digits and a line's end.
constexpr std::size_t kHeaderBytesMax = 24;

char* write_header(char* at, char type, std::uint64_t value) {
  *at++ = type;
  if (value < 10)
    *at++ = static_cast<char>('0' + value);
  else
    at = std::to_chars(at, at + 20, value).ptr;
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

}  // namespace

void append_header(std::string& to, std::size_t arguments) {
  char header[kHeaderBytesMax];
  to.append(header, write_header(header, '*', arguments));
}

void append_argument(std::string& to, std::string_view bytes) {
  char header[kHeaderBytesMax];
  const char* const end = write_header(header, '$', bytes.size());
  const auto header_bytes = static_cast<std::size_t>(end - header);
  const std::size_t at = to.size();
  to.resize(at + header_bytes + bytes.size() + 2);
  char* out = to.data() + at;
  std::memcpy(out, header, header_bytes);
  if (!bytes.empty()) std::memcpy(out + header_bytes, bytes.data(), bytes.size());
  out += header_bytes + bytes.size();
  out[0] = '\r';
  out[1] = '\n';
}

void append_argument(std::string& to, std::int64_t number) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  append_argument(to, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

}  // namespace sluice::redis
