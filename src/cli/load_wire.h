// load_wire.h: what a load generator needs of a protocol: to write a request, and to tell where a reply ends
// and what it says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/quota.h"

namespace sluice::cli {

enum class Said : std::uint8_t {
  unfinished,  ///< The reply goes on behind these bytes.
  allowed,
  refused,
  error,
};

class LoadWire {
 public:
  virtual ~LoadWire() = default;
  virtual void request(std::string_view key, std::string& out) const = 0;
  /// Reads the first reply of `in` and moves `in` past it, unless it is unfinished.
  virtual Said reply(std::string_view& in) const = 0;
};

/// SLUICE.TAKE limit key.
std::unique_ptr<LoadWire> resp_take(const std::string& limit);
/// CL.THROTTLE key … REQUIRES: a period of whole seconds.
std::unique_ptr<LoadWire> resp_throttle(const Quota& quota);
/// POST /v1/take.
/// `fields`: further lines of the head.
std::unique_ptr<LoadWire> http_take(const std::string& limit, const std::string& host,
                                    const std::string& fields = {});

/// Length of the RESP2 or RESP3 value at the front of `in`; 0 if it is unfinished, npos if it is none.
std::size_t resp_length(std::string_view in, int depth = 8);

}  // namespace sluice::cli
