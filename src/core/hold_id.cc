#include <bit>
#include <charconv>
#include <random>

#include "sluice/hold_book.h"

namespace sluice {
namespace {

/// One round of Speck with 32-bit words.
void mix(std::uint32_t& x, std::uint32_t& y, std::uint32_t key) {
  x = (std::rotr(x, 8) + y) ^ key;
  y = std::rotl(y, 3) ^ x;
}

}  // namespace

std::string HoldId::text() const {
  std::string out(16, '0');
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  const auto length = static_cast<std::size_t>(end - digits);
  return out.replace(16 - length, length, digits, length);
}

std::optional<HoldId> HoldId::parse(std::string_view text) {
  HoldId id;
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != text.npos) return {};
  std::from_chars(text.data(), text.data() + text.size(), id.value, 16);
  return id;
}

HoldIds::Key HoldIds::random_key() {
  std::random_device device;
  return {device(), device(), device(), device()};
}

HoldIds::HoldIds(const Key& key) {
  std::uint32_t k = key[0];
  std::array<std::uint32_t, 3> l = {key[1], key[2], key[3]};
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    round_keys_[i] = k;
    mix(l[i % 3], k, i);
  }
}

std::uint64_t HoldIds::encrypt(std::uint64_t block) const {
  auto x = static_cast<std::uint32_t>(block >> 32);
  auto y = static_cast<std::uint32_t>(block);
  for (const auto key : round_keys_) mix(x, y, key);
  return (std::uint64_t{x} << 32) | y;
}

}  // namespace sluice
