// key_slot.h: which of Redis Cluster's 16,384 slots a key belongs to.
//
//     slot = CRC16(tag) mod 16384        tag: what stands between the first "{" and the next "}", if anything
//                                        does; else the whole key
//
// CRC16 is XMODEM's: polynomial 0x1021, nothing reflected, from 0. Source: "Redis cluster specification".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::redis {

inline constexpr std::size_t kSlots = 16'384;

std::uint16_t crc16(std::string_view bytes);
/// Below kSlots.
std::uint16_t slot_of(std::string_view key);

}  // namespace sluice::redis
