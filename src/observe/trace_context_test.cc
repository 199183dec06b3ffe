#include "observe/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::observe {
namespace {

constexpr std::string_view kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view kSpan = "00f067aa0ba902b7";

std::string field(std::string_view version, std::string_view trace, std::string_view span,
                  std::string_view rest) {
  return std::string(version).append("-").append(trace).append("-").append(span).append("-").append(rest);
}

TEST(TraceParent, IsReadAsWritten) {
  const auto parent = read_traceparent(field("00", kTrace, kSpan, "01"));
  EXPECT_TRUE(parent.present);
  EXPECT_TRUE(parent.sampled);
  EXPECT_EQ(parent.trace, (TraceId{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d,
                                   0x0e, 0x0e, 0x47, 0x36}));
  EXPECT_EQ(parent.span, (SpanId{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}));
}

TEST(TraceParent, FlagsBeyondTheFirstAreNotOurs) {
  EXPECT_FALSE(read_traceparent(field("00", kTrace, kSpan, "00")).sampled);
  EXPECT_TRUE(read_traceparent(field("00", kTrace, kSpan, "03")).sampled);
  EXPECT_FALSE(read_traceparent(field("00", kTrace, kSpan, "fe")).sampled);
}

TEST(TraceParent, HigherVersionsMayHaveMore) {
  EXPECT_TRUE(read_traceparent(field("01", kTrace, kSpan, "01")).present);
  EXPECT_TRUE(read_traceparent(field("01", kTrace, kSpan, "01-and-more")).present);
  EXPECT_FALSE(read_traceparent(field("01", kTrace, kSpan, "01.and-more")).present);
  EXPECT_FALSE(read_traceparent(field("00", kTrace, kSpan, "01-and-more")).present);
}

TEST(TraceParent, WhatIsMalformedIsNone) {
  const std::string zeros(32, '0');
  for (const auto& text :
       {std::string(), field("ff", kTrace, kSpan, "01"), field("00", zeros, kSpan, "01"),
        field("00", kTrace, zeros.substr(16), "01"), field("00", kTrace, kSpan, "1"),
        field("00", "4BF92f3577b34da6a3ce929d0e0e4736", kSpan, "01"), field("0x", kTrace, kSpan, "01"),
        field("00", "4bf92f3577b34da6a3ce929d0e0e473", "000f067aa0ba902b7", "01"),
        field("00", kTrace, kSpan, "0g")})
    EXPECT_FALSE(read_traceparent(text).present) << text;
  auto wrong = field("00", kTrace, kSpan, "01");
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    auto text = wrong;
    text[i] = '_';
    EXPECT_FALSE(read_traceparent(text).present) << text;
    EXPECT_FALSE(read_traceparent(wrong.substr(0, i)).present) << i;
  }
}

TEST(TraceField, TwoOfThemAreNone) {
  TraceField parent;
  parent.come(field("00", kTrace, kSpan, "01"));
  EXPECT_TRUE(parent.parent().present);
  parent.come(field("00", kTrace, kSpan, "01"));
  EXPECT_FALSE(parent.parent().present);
  parent.clear();
  parent.come(field("00", kTrace, kSpan, "01"));
  EXPECT_TRUE(parent.parent().present);
}

}  // namespace
}  // namespace sluice::observe
