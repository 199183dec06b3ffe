#include "wire/http_response.h"

#include <algorithm>

#include "core/number.h"
#include "wire/http_parser.h"

namespace sluice::wire {

namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

struct Head {
  std::optional<std::size_t> length;
  bool keeps = true;

  /// False: the response cannot be read.
  bool field(std::string_view line, HttpResponse& response) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const auto name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (same_name(name, "content-length")) {
      length = parse_number<std::size_t>(value);
      return length && *length <= kHttpResponseMax;
    }
    if (same_name(name, "transfer-encoding")) keeps = false;
    if (same_name(name, "connection") && !same_name(value, "keep-alive")) keeps = false;
    if (same_name(name, "retry-after")) {
      constexpr std::int64_t kSecondsMax = 24 * 3600;
      if (const auto seconds = parse_number<std::int64_t>(value); seconds && *seconds >= 0)
        response.retry_after = std::chrono::seconds(std::min(*seconds, kSecondsMax));
    }
    return true;
  }
};

}  // namespace

HttpResponseRead read_http_response(std::string_view in, HttpResponse& response) {
  response = {};
  const auto end = in.find("\r\n\r\n");
  constexpr std::string_view kVersion = "HTTP/1.";
  if (const auto n = std::min(in.size(), kVersion.size()); in.substr(0, n) != kVersion.substr(0, n))
    return HttpResponseRead::malformed;
  if (end == std::string_view::npos)
    return in.size() > kHttpResponseMax ? HttpResponseRead::malformed : HttpResponseRead::need_more;
  auto lines = in.substr(0, end + 2);
  const auto first = lines.substr(0, lines.find("\r\n"));
  const auto status = parse_number<int>(first.substr(std::min<std::size_t>(first.size(), 9), 3));
  if (!status || *status < 100) return HttpResponseRead::malformed;
  lines.remove_prefix(first.size() + 2);
  Head head{.length = {}, .keeps = first[7] != '0'};
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    if (!head.field(line, response)) return HttpResponseRead::malformed;
    lines.remove_prefix(line.size() + 2);
  }
  const auto rest = in.substr(end + 4);
  if (*status < 200) return read_http_response(rest, response);
  response.status = *status;
  if (!head.length || !head.keeps) return HttpResponseRead::whole;
  if (rest.size() < *head.length) return HttpResponseRead::need_more;
  response.body = rest.substr(0, *head.length);
  response.reusable = rest.size() == *head.length;
  return HttpResponseRead::whole;
}

}  // namespace sluice::wire
