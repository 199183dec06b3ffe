#include "store/once.h"

namespace sluice::store {

const Quota& once_quota() {
  static const Quota quota = *Quota::make({.capacity = 1, .tokens = 1, .period = kOnceKept});
  return quota;
}

// The id's length stands at the end: keys and ids are any bytes.
std::string once_key(std::string_view key, std::string_view id) {
  std::string text;
  text.reserve(key.size() + id.size() + 1);
  text.append(key).append(id).push_back(static_cast<char>(id.size()));
  return text;
}

OnceKey split_once_key(std::string_view text) {
  const std::size_t id = static_cast<unsigned char>(text.back());
  const std::size_t key = text.size() - 1 - id;
  return {text.substr(0, key), text.substr(key, id)};
}

}  // namespace sluice::store
