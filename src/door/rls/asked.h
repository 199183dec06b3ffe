// asked.h: a RateLimitRequest as it is decided: views into its bytes. Reading one copies no text and, used
// again, allocates nothing; with five descriptors of three entries libprotobuf's own message took a third of
// all that a call takes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "policy/rule.h"

namespace sluice::door::rls {

struct Asked {
  struct Descriptor {
    std::uint32_t first = 0, count = 0;  ///< Of `entries`.
    bool has_limit = false;
    std::uint32_t limit_requests_per_unit = 0;
    std::int32_t limit_unit = 0;  ///< Envoy's number; any.
    std::optional<std::uint64_t> hits_addend;
    bool is_negative_hits = false;
  };
  std::string_view domain;
  std::uint32_t hits_addend = 0;
  std::vector<Descriptor> descriptors;
  std::vector<policy::Entry> entries;  ///< Of all descriptors.

  std::span<const policy::Entry> entries_of(const Descriptor& d) const {
    return std::span(entries).subspan(d.first, d.count);
  }
  void clear();
};

/// False: the bytes are no RateLimitRequest. What is accepted is what libprotobuf accepts.
bool read_request(std::string_view bytes, Asked& asked);

}  // namespace sluice::door::rls
