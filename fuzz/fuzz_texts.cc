// fuzz_texts.cc: the small readers of what people and clients write in one line. What is understood is
// written and read back as the same; what is not has an error that says why, and never shows a password. The
// first byte chooses the reader.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/address.h"
#include "redis/url.h"
#include "sluice/quota.h"
#include "wire/http_target.h"

using namespace sluice;

namespace {

constexpr std::string_view kSecret = "hunter2";

void url(std::string_view text) {
  const auto url = redis::Url::parse(text);
  if (!url) {
    if (url.error().message.empty()) std::abort();
    return;
  }
  if (url->hosts.empty()) std::abort();
  if (url->login.password == kSecret && url->text().find(kSecret) != std::string::npos &&
      url->master.find(kSecret) == std::string::npos &&
      url->hosts[0].text().find(kSecret) == std::string::npos && url->hosts.size() == 1)
    std::abort();
}

void address(std::string_view text) {
  const auto address = net::Address::parse(text);
  if (!address && address.error().message.empty()) std::abort();
  if (!address) return;
  const auto again = net::Address::parse(address->text());
  if (!again || !(*again == *address)) std::abort();
}

void quota(std::string_view text) {
  const auto quota = Quota::parse(text);
  if (!quota && quota.error().message.empty()) std::abort();
  if (!quota) return;
  const auto again = Quota::parse(quota->text());
  if (!again || again->text() != quota->text()) std::abort();
}

void target(std::string_view text) {
  auto [path, query] = wire::split_target(text);
  if (path.size() + query.size() > text.size() + 1) std::abort();
  std::size_t read = 0;
  for (std::string_view name, value; wire::next_parameter(query, name, value);) {
    const auto decoded = wire::decode_query(value);
    if (decoded && decoded->size() > value.size()) std::abort();
    if (++read > text.size() + 1) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] & 3) {
    case 0:
      url(in);
      break;
    case 1:
      address(in);
      break;
    case 2:
      quota(in);
      break;
    default:
      target(in);
  }
  return 0;
}
