#include "door/http/wish.h"

#include <algorithm>
#include <charconv>

#include "store/once.h"

namespace sluice::door::http {

namespace {

struct Field {
  std::string_view name;
  WishField bit;
  std::string_view must;  ///< What is right.
};
constexpr Field kFields[] = {
    {"limit", kLimit, "must be the name of a limit, a string"},
    {"key", kKey, "must be a string"},
    {"cost", kCost, "must be a whole number from 0 to 9223372036854775807"},
    {"partial", kPartial, "must be true or false"},
    {"max_wait", kMaxWait, "must be a number of seconds, 0 or more, or null for however long"},
    {"expires_in", kExpiresIn, "must be a number of seconds, 0 or more"},
    {"hold", kHold, "must be the id of a hold, a string"},
    {"actual", kActual, "must be a whole number from 0 to 9223372036854775807"},
    {"id", kId, "must be a string of 1 to 255 bytes"},
};
constexpr std::uint16_t kRequired = kLimit | kKey | kHold | kActual;  ///< Wherever they are known.

class Reader {
 public:
  Reader(std::string_view body, std::uint16_t fields, std::size_t requests_max)
      : json_(body), fields_(fields), requests_max_(requests_max) {}

  std::string read(std::vector<Wish>& wishes, bool& many) {
    if (json_.kind() != wire::JsonReader::Kind::object) {
      json_.skip();
      return json_.end() ? "the body must be a JSON object" : malformed();
    }
    json_.begin_object();
    Wish wish;
    std::uint16_t seen = 0;
    for (std::string_view name; problem_.empty() && json_.next_member(name);) {
      if (name == "requests") {
        if (seen != 0 || many) return "requests: must stand alone in its object, once";
        many = true;
        read_list(wishes);
      } else if (many) {
        return "requests: must stand alone in its object, once";
      } else {
        read_field(name, wish, seen);
      }
    }
    if (!many) require(seen);
    if (!problem_.empty()) return std::move(problem_);
    if (!json_.end()) return malformed();
    if (!many) wishes.push_back(wish);
    return {};
  }

 private:
  std::string malformed() const { return "the body is not JSON: " + json_.error(); }

  void read_list(std::vector<Wish>& wishes) {
    if (json_.kind() != wire::JsonReader::Kind::array)
      return complain("requests", "must be an array of objects");
    json_.begin_array();
    for (item_ = 0; problem_.empty() && json_.next_element(); ++item_) {
      if (static_cast<std::size_t>(item_) == requests_max_) {
        item_ = -1;
        return complain("requests", "must hold at most " + std::to_string(requests_max_) + " requests");
      }
      if (json_.kind() != wire::JsonReader::Kind::object) {
        if (json_.kind() != wire::JsonReader::Kind::nothing) return complain("", "must be an object");
        return json_.skip();  // Fails.
      }
      json_.begin_object();
      Wish wish;
      std::uint16_t seen = 0;
      for (std::string_view name; problem_.empty() && json_.next_member(name);) read_field(name, wish, seen);
      require(seen);
      wishes.push_back(wish);
    }
    item_ = -1;
    if (wishes.empty() && !json_.failed()) complain("requests", "must hold at least one request");
  }

  void read_field(std::string_view name, Wish& wish, std::uint16_t& seen) {
    const auto* const field = std::find_if(std::begin(kFields), std::end(kFields), [&](const Field& f) {
      return f.name == name && (f.bit & fields_) != 0;
    });
    if (field == std::end(kFields)) return complain(name, "is no field of this request; it has " + known());
    if ((seen & field->bit) != 0) return complain(name, "stands there twice");
    seen |= field->bit;
    if (!read_value(*field, wish) && !json_.failed()) complain(name, field->must);
  }

  bool read_value(const Field& field, Wish& wish) {
    using Kind = wire::JsonReader::Kind;
    const Kind kind = json_.kind();
    if (kind == Kind::nothing) return json_.skip(), false;  // Malformed, and the reader says how.
    switch (field.bit) {
      case kLimit:
        return kind == Kind::string && (wish.limit = json_.string(), true);
      case kKey:
        return kind == Kind::string && (wish.key = json_.string(), true);
      case kCost:
        return kind == Kind::number && wire::json_whole(json_.number(), wish.cost) && wish.cost >= 0;
      case kPartial:
        return kind == Kind::boolean && (wish.partial = json_.boolean(), true);
      case kMaxWait: {
        if (kind == Kind::null) return json_.skip(), true;
        if (kind != Kind::number) return false;
        const auto seconds = read_seconds(json_.number());
        wish.max_wait = seconds.value_or(kNever);
        return seconds.has_value();
      }
      case kExpiresIn: {
        if (kind != Kind::number) return false;
        const auto seconds = read_seconds(json_.number());
        wish.expires_in = seconds.value_or(kNever);
        return seconds.has_value();
      }
      case kHold:
        return kind == Kind::string && (wish.hold = json_.string(), true);
      case kActual:
        return kind == Kind::number && wire::json_whole(json_.number(), wish.actual) && wish.actual >= 0;
      case kId: {
        if (kind != Kind::string) return false;
        wish.id = json_.string();
        const std::size_t bytes = wish.id.escaped ? wish.id.text().size() : wish.id.raw.size();
        return bytes >= 1 && bytes <= store::kOnceIdMax;
      }
    }
    return false;
  }

  void require(std::uint16_t seen) {
    if (!problem_.empty() || json_.failed()) return;
    for (const Field& f : kFields)
      if ((f.bit & fields_ & kRequired & ~seen) != 0)
        return complain(f.name, "is missing; it " + std::string(f.must));
  }

  std::string known() const {
    std::string list;
    for (const auto& f : kFields)
      if ((f.bit & fields_) != 0) list.append(list.empty() ? "" : ", ").append(f.name);
    return list;
  }

  /// "requests[3].cost: must be …"
  void complain(std::string_view name, std::string_view what) {
    if (!problem_.empty()) return;
    if (item_ >= 0) problem_ = "requests[" + std::to_string(item_) + "]" + (name.empty() ? "" : ".");
    problem_.append(name.substr(0, 64)).append(": ").append(what);
  }

  wire::JsonReader json_;
  const std::uint16_t fields_;
  const std::size_t requests_max_;
  std::int64_t item_ = -1;  // Of the list that is being read.
  std::string problem_;
};

}  // namespace

std::string read_wishes(std::string_view body, std::uint16_t fields, std::size_t requests_max,
                        std::vector<Wish>& wishes, bool& many) {
  many = false;
  wishes.clear();
  return Reader(body, fields, requests_max).read(wishes, many);
}

std::optional<Duration> read_seconds(std::string_view number) {
  // The digits as one whole number of nanoseconds: `ns` so far, `places` more to come before the point.
  constexpr std::int64_t kMost = kNever.count();
  const auto mark = std::min(number.find_first_of("eE"), number.size());
  std::int64_t places = 9;
  if (mark < number.size()) {
    const char* first = number.data() + mark + 1;
    if (*first == '+') ++first;
    std::int64_t exponent = 0;
    const auto parsed = std::from_chars(first, number.data() + number.size(), exponent);
    const bool huge = parsed.ec != std::errc();
    places += huge ? (*first == '-' ? -1'000'000 : 1'000'000)
                   : std::clamp<std::int64_t>(exponent, -1'000'000, 1'000'000);
  }
  std::int64_t whole_digits = 0;  // Before the point.
  const bool negative = number.starts_with('-');
  const auto mantissa = number.substr(negative ? 1 : 0, mark - (negative ? 1 : 0));
  whole_digits = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  std::int64_t wanted = whole_digits + places;  // Digits of the mantissa that make whole nanoseconds.
  std::int64_t ns = 0;
  bool zero = true;
  bool too_long = false;
  const auto push = [&](int digit) {
    too_long = too_long || ns > (kMost - digit) / 10;
    if (!too_long) ns = ns * 10 + digit;
  };
  for (const char c : mantissa) {
    if (c == '.') continue;
    zero = zero && c == '0';
    if (wanted-- > 0) push(c - '0');
  }
  if (negative && !zero) return std::nullopt;
  if (zero) return Duration{0};
  for (; wanted > 0 && !too_long; --wanted) push(0);
  return too_long ? kNever : Duration(ns);
}

}  // namespace sluice::door::http
