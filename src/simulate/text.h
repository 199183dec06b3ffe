// text.h: numbers, times and untrusted bytes as a person, a JSON reader or a browser wants them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/ticks.h"

namespace sluice::simulate {

/// Valid UTF-8 without control characters: what is not becomes \xHH. Logs hold what attackers wrote into
/// requests, and a terminal obeys control characters.
std::string printable(std::string_view bytes);
/// At most `columns` code points, with "…" for what was cut out of the middle.
std::string shortened(std::string_view utf8, std::size_t columns);
/// How many columns it takes, a code point being one.
std::size_t columns_of(std::string_view utf8);

std::string json_string(std::string_view bytes);   ///< With its quotes, after printable().
std::string html_escaped(std::string_view bytes);  ///< For text and quoted attributes, after printable().

std::string with_commas(Int128 n);  ///< 1,234,567
/// "1.23 %" of two decimals, rounded to nearest; "<0.01 %" rather than 0 of something, ">99.99 %" rather than
/// 100 of not all.
std::string percent(std::uint64_t part, std::uint64_t whole);
/// "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "3 days 4 h"; rounded up to the smaller unit. kNever's count:
/// "never".
std::string wait_text(std::int64_t ns);

/// A moment in a zone `zone` seconds east of UTC. REQUIRES: second >= 0 after the zone is added.
std::string clock_text(std::int64_t second, std::int32_t zone);  ///< 00:12:05
std::string date_text(std::int64_t second, std::int32_t zone);   ///< 1995-08-01
std::string iso_text(std::int64_t second, std::int32_t zone);    ///< 1995-08-01T00:12:05-04:00
std::string zone_text(std::int32_t zone);                        ///< -04:00

}  // namespace sluice::simulate
