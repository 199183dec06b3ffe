// fuzz_limits_yaml.cc: any bytes are a set of limits or a list of problems, never both, and nothing is
// thrown.
#include <cstdint>
#include <cstdlib>

#include "policy/limits_yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reading = sluice::policy::read_limits({reinterpret_cast<const char*>(data), size}, "f");
  if (!reading && !reading.limits.all().empty()) std::abort();
  for (const auto& limit : reading.limits.all()) {
    if (limit.quotas.empty() || limit.families.size() != limit.quotas.size()) std::abort();
    if (reading.limits.find(limit.name) != &limit) std::abort();
  }
  return 0;
}
