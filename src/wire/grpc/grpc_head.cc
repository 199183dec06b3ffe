#include "wire/grpc/grpc_head.h"

#include <algorithm>

namespace sluice::wire {

namespace {

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  content_type.remove_prefix(kType.size());
  if (content_type.starts_with("+proto")) content_type.remove_prefix(6);
  return content_type.empty() || content_type.front() == ';' || content_type.front() == ' ';
}

bool names_gzip(std::string_view list) {
  while (!list.empty()) {
    std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), word.size() + 1));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (word == "gzip") return true;
  }
  return false;
}

}  // namespace

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return {};
  std::int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  switch (text.back()) {
    case 'H': {  // 99,999,999 hours are more nanoseconds than there are.
      constexpr std::int64_t kHoursMax = Duration::max().count() / 3'600'000'000'000;
      return std::chrono::hours(std::min(value, kHoursMax));
    }
    case 'M':
      return std::chrono::minutes(value);
    case 'S':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::milliseconds(value);
    case 'u':
      return std::chrono::microseconds(value);
    case 'n':
      return std::chrono::nanoseconds(value);
    default:
      return {};
  }
}

void GrpcHead::field(std::string_view name, std::string_view value) {
  if (name == ":path") {
    path_.assign(value.substr(0, kPathMax));
  } else if (name == ":method") {
    post_ = value == "POST";
  } else if (name == "content-type") {
    grpc_ = is_grpc(value);
  } else if (name.starts_with("grpc-")) {
    if (name == "grpc-timeout") {
      timeout_ = parse_grpc_timeout(value);
      bad_timeout_ = !timeout_;
    } else if (name == "grpc-encoding") {
      encoding_ = value == "identity" ? Encoding::identity
                  : value == "gzip"   ? Encoding::gzip
                                      : Encoding::unknown;
    } else if (name == "grpc-accept-encoding") {
      accepts_gzip_ = names_gzip(value);
    }
  }
}

std::optional<GrpcProblem> GrpcHead::check() const {
  if (!post_) return GrpcProblem{.http_status = 405};
  if (!grpc_) return GrpcProblem{.http_status = 415};
  if (encoding_ == Encoding::unknown)
    return GrpcProblem{
        .code = GrpcCode::unimplemented,
        .message = "grpc-encoding: messages may be as they are (identity) or compressed by gzip"};
  if (bad_timeout_)
    return GrpcProblem{
        .code = GrpcCode::invalid_argument,
        .message = "grpc-timeout: expected 1 to 8 digits and one of H M S m u n, such as 100m"};
  return {};
}

void GrpcHead::clear() {
  path_.clear();
  post_ = grpc_ = bad_timeout_ = accepts_gzip_ = false;
  encoding_ = Encoding::identity;
  timeout_.reset();
}

}  // namespace sluice::wire
