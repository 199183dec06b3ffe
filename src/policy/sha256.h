// sha256.h: SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::policy {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view text);

}  // namespace sluice::policy
