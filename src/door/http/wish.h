// wish.h: what a request wants of a limit, read from a JSON body or from a query.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/ticks.h"
#include "sluice/time.h"
#include "wire/json_reader.h"

namespace sluice::door::http {

struct Wish {
  wire::JsonString limit;
  wire::JsonString key;
  std::int64_t cost = 1;
  bool partial = false;
  Duration max_wait = kNever;
  Duration expires_in = std::chrono::minutes(10);
  wire::JsonString hold;  ///< A hold's id.
  std::int64_t actual = 0;
  wire::JsonString id;  ///< Of a refund that is to be done once; at most 255 bytes.
};

/// Fields that an operation knows, as bits.
enum WishField : std::uint16_t {
  kLimit = 1,
  kKey = 2,
  kCost = 4,
  kPartial = 8,
  kMaxWait = 16,
  kExpiresIn = 32,
  kHold = 64,
  kActual = 128,
  kId = 256,
};

/// Reads {"limit":..,"key":..} into one wish, or {"requests":[..]} into as many (and says so in `many`).
/// `fields` are those that this operation knows. Gives "" or what is wrong, beginning with the field. The
/// strings are views into `body`.
std::string read_wishes(std::string_view body, std::uint16_t fields, std::size_t requests_max,
                        std::vector<Wish>& wishes, bool& many);

/// A JSON number of seconds, exact; what is finer than a nanosecond is dropped. Nothing if it is negative.
/// Beyond 292 years: kNever.
std::optional<Duration> read_seconds(std::string_view number);

}  // namespace sluice::door::http
