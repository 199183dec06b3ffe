#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

#include "wire/json_reader.h"
#include "wire/json_utf8.h"
#include "wire/json_writer.h"

namespace sluice::wire {
namespace {

bool good(std::string_view text) {
  JsonReader json(text);
  json.skip();
  return json.end();
}

TEST(JsonReader, ReadsAnObject) {
  JsonReader json(R"( {"a": "x\u00e9\n\ud83d\ude00\"" , "b":-12,"c":true,"d":[1,{"e":null}],"f":0.5e+3} )");
  std::string_view name;
  json.begin_object();
  ASSERT_TRUE(json.next_member(name));
  EXPECT_EQ(name, "a");
  const auto text = json.string();
  EXPECT_TRUE(text.escaped);
  EXPECT_EQ(text.text(), "x\xC3\xA9\n\xF0\x9F\x98\x80\"");
  ASSERT_TRUE(json.next_member(name));
  std::int64_t n = 0;
  EXPECT_TRUE(json_whole(json.number(), n));
  EXPECT_EQ(n, -12);
  ASSERT_TRUE(json.next_member(name));
  EXPECT_TRUE(json.boolean());
  ASSERT_TRUE(json.next_member(name));
  json.skip();
  ASSERT_TRUE(json.next_member(name));
  EXPECT_EQ(name, "f");
  EXPECT_EQ(json.number(), "0.5e+3");
  EXPECT_FALSE(json.next_member(name));
  EXPECT_TRUE(json.end());
}

TEST(JsonReader, AcceptsAndRefuses) {
  for (const char* text : {"{}", "[]", " [ ] ", "0", "-0", "1.5E-7", R"("")", "[[[[]]]]", "null",
                           R"({"a":{"b":[1,2,"\u0000\/"]}})", "\"\xF4\x8F\xBF\xBF\x7F\""})
    EXPECT_TRUE(good(text)) << text;
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{,}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           "{1:2}",
                           R"({"a" 1})",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "+1",
                           "NaN",
                           "tru",
                           "nul",
                           "truex",
                           "1x",
                           R"("a)",
                           R"("\)",
                           R"("\x")",
                           R"("\u12")",
                           R"("\u12g4")",
                           R"("\ud800")",
                           R"("\ud800\u0041")",
                           R"("\udc00")",
                           "\"\n\"",
                           "\"\x80\"",
                           "\"\xC0\xAF\"",
                           "\"\xED\xA0\x80\"",
                           "\"\xF4\x90\x80\x80\"",
                           "\"\xE2\x82\"",
                           "[]]",
                           "{}{}",
                           "'a'",
                           "[1]//",
                           "\xEF\xBB\xBF{}"})
    EXPECT_FALSE(good(text)) << text;
  EXPECT_FALSE(good(std::string_view("[]\0", 3)));
}

TEST(JsonReader, BoundsDepth) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(good(nested(JsonReader::kDepthMax)));
  EXPECT_FALSE(good(nested(JsonReader::kDepthMax + 1)));
}

TEST(JsonReader, SaysWhereAndWhat) {
  JsonReader json(R"({"a":"b)");
  json.skip();
  EXPECT_FALSE(json.end());
  EXPECT_EQ(json.error(), "at byte 7: a string is not closed");
}

TEST(JsonReader, WholeNumbers) {
  std::int64_t n = 0;
  EXPECT_TRUE(json_whole("9223372036854775807", n));
  EXPECT_EQ(n, INT64_MAX);
  for (const char* text : {"9223372036854775808", "1.0", "1e3", ""})
    EXPECT_FALSE(json_whole(text, n)) << text;
}

/// Another reader's opinion. simdjson takes a byte order mark and treats depth differently; neither occurs
/// here.
bool simdjson_says(simdjson::dom::parser& parser, const std::string& text) {
  return parser.parse(text).error() == simdjson::SUCCESS;
}

TEST(JsonReader, AgreesWithSimdjsonOnDamagedDocuments) {
  const std::string seeds[] = {
      R"({"limit":"api","key":"al\u00e9\ud83d\ude00\"ice","cost":12,"partial":true})",
      R"({"requests":[{"limit":"a","key":""},{"x":[null,false,-1.5e+10,"\\\/\b"]}]})",
      "[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\", 0, {\"\":[]} ]"};
  constexpr std::string_view kBytes = "{}[]:,\"\\u0123dD89afeE.+-tnl \n\x01\x80\xC3\xED\xF4";
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return random() % n; };
  simdjson::dom::parser parser;
  int accepted = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text = seeds[below(3)];
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const auto at = below(text.size());
      const char c = kBytes[below(kBytes.size())];
      switch (below(3)) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1);
      }
    }
    const bool ours = good(text);
    accepted += ours ? 1 : 0;
    // Numbers beyond a double are well formed, but simdjson, which makes doubles of them, refuses.
    if (parser.parse(text).error() == simdjson::NUMBER_ERROR && ours) continue;
    ASSERT_EQ(ours, simdjson_says(parser, text)) << text;
  }
  EXPECT_GT(accepted, 5'000);
}

TEST(JsonWriter, EscapesAndMends) {
  std::string out;
  json_string(out, std::string_view("a\"\\\n\0\x7F\xC3\xA9\xFF\xE2\x82", 11));
  EXPECT_EQ(out, "\"a\\\"\\\\\\u000a\\u0000\\u007f\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_TRUE(good(out));
}

TEST(JsonWriter, SecondsAreExact) {
  const auto text = [](std::int64_t ns) {
    std::string out;
    json_seconds(out, Duration(ns));
    return out;
  };
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(1), "0.000000001");
  EXPECT_EQ(text(1'500'000'000), "1.5");
  EXPECT_EQ(text(60'000'000'000), "60");
  EXPECT_EQ(text(INT64_MAX), "9223372036.854775807");
}

}  // namespace
}  // namespace sluice::wire
