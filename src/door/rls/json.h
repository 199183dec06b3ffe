// json.h: the service's messages in protobuf's JSON, as envoyproxy/ratelimit speaks it at POST /json.
#pragma once

#include <string>
#include <string_view>

#include "door/rls/requests.h"

namespace sluice::door::rls {

/// A RateLimitRequest's bytes out of its JSON. Gives "" or what is wrong; a field that the message does not
/// have is an error.
std::string read_json(std::string_view text, std::string& bytes);
void write_json(const Response& response, std::string& out);

}  // namespace sluice::door::rls
