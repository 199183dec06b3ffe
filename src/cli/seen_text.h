// seen_text.h: answers of /v1/top and /v1/why as tables for people.
#pragma once

#include <string>
#include <string_view>

#include "sluice/result.h"

namespace sluice::cli {

Result<std::string> top_text(const std::string& json);
Result<std::string> why_text(const std::string& json);

/// For a query: all but letters, digits and -._~ as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace sluice::cli
