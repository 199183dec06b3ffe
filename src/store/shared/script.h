// script.h: script.lua, as the store sends it.
#pragma once

#include <string_view>

namespace sluice::store {

extern const std::string_view kScript;
extern const std::string_view kScriptSha;  ///< SHA-1 in hexadecimal, by which EVALSHA knows it.

}  // namespace sluice::store
