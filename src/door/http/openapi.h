// openapi.h: openapi.json, put into the program when it is built.
#pragma once

#include <string_view>

namespace sluice::door::http {

/// OpenAPI 3.1. Its version is the mark @VERSION@.
extern const std::string_view kOpenApi;

}  // namespace sluice::door::http
