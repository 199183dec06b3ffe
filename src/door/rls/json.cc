#include "door/rls/json.h"

#include <google/protobuf/util/json_util.h>

namespace sluice::door::rls {

std::string read_json(std::string_view text, std::string& bytes) {
  Request request;
  const auto status = google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, &request);
  if (status.ok() && request.SerializeToString(&bytes)) return {};
  constexpr std::size_t kTold = 300;  // It may quote the text at length.
  return "the body is no RateLimitRequest in JSON: " + std::string(status.message()).substr(0, kTold);
}

void write_json(const Response& response, std::string& out) {
  static_cast<void>(
      google::protobuf::util::MessageToJsonString(response, &out));  // Fails for no such message.
}

}  // namespace sluice::door::rls
