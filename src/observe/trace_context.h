// trace_context.h: whose trace a request belongs to, as W3C's Trace Context says it in the field traceparent:
//
//     00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//     version, trace, the caller's span, flags (1: sampled); digits in lower case
//
// What is malformed, or there twice, counts as not there. A higher version may have more behind the flags.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::observe {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

struct TraceParent {
  bool present = false;
  bool sampled = false;
  TraceId trace{};
  SpanId span{};
};

/// Not present, if it is none.
TraceParent read_traceparent(std::string_view text);

/// A request's fields of that name, as they come.
class TraceField {
 public:
  void come(std::string_view value) {
    parent_ = came_ ? TraceParent{} : read_traceparent(value);
    came_ = true;
  }
  const TraceParent& parent() const { return parent_; }
  void clear() {
    if (came_) *this = {};
  }

 private:
  bool came_ = false;
  TraceParent parent_;
};

}  // namespace sluice::observe
