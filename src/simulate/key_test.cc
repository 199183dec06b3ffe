#include <gtest/gtest.h>

#include <string>

#include "simulate/key_of.h"
#include "simulate/key_table.h"

namespace sluice::simulate {
namespace {

std::string key_in(const std::string& kind, const std::string& line) {
  AccessLogParser parser;
  Entry entry;
  if (!parser.parse(line, entry)) return "damaged";
  const auto key_of = KeyOf::parse(kind);
  if (!key_of) return key_of.error().message;
  std::string_view key;
  return (*key_of)(line, entry, key) ? std::string(key) : "none";
}

TEST(KeyOfTest, Kinds) {
  const std::string line =
      R"(10.0.0.1 - ann [01/Aug/1995:00:00:01 +0000] "GET /a?api_key=k7&x HTTP/1.0" 200 1)";
  const std::string nobody = R"(10.0.0.1 - - [01/Aug/1995:00:00:01 +0000] "-" 408 0)";
  EXPECT_EQ(key_in("ip", line), "10.0.0.1");
  EXPECT_EQ(key_in("user", line), "ann");
  EXPECT_EQ(key_in("path", line), "/a");
  EXPECT_EQ(key_in("/api_key=(\\w+)/", line), "k7");
  EXPECT_EQ(key_in("/10\\.0\\.0/", line), "10.0.0");
  EXPECT_EQ(key_in("/(?:a|b)p(i)_/", line), "i");
  EXPECT_EQ(key_in("/nothing(x)?|api/", line), "none");  // The group took no part.
  EXPECT_EQ(key_in("/zzz/", line), "none");
  EXPECT_EQ(key_in("user", nobody), "none");
  EXPECT_EQ(key_in("path", nobody), "none");
}

TEST(KeyOfTest, ErrorsSayTheMend) {
  EXPECT_NE(KeyOf::parse("host").error().message.find("use ip, user, path"), std::string::npos);
  EXPECT_NE(KeyOf::parse("//").error().message.find("key '//'"), std::string::npos);
  EXPECT_NE(KeyOf::parse("/(/").error().message.find("missing )"), std::string::npos);
}

TEST(KeyTableTest, NumbersKeysInTheirOrderAndKeepsThem) {
  KeyTable table;
  for (int round = 0; round < 2; ++round)
    for (std::uint32_t i = 0; i < 100'000; ++i) ASSERT_EQ(table.index_of("key" + std::to_string(i)), i);
  EXPECT_EQ(table.size(), 100'000U);
  EXPECT_EQ(table.key(77), "key77");
}

TEST(KeyTableTest, LongKeysAreBoundedAndDistinct) {
  KeyTable table;
  const std::string limit(KeyTable::kKeyBytesMax, 'a'), longer(KeyTable::kKeyBytesMax + 1, 'a');
  EXPECT_EQ(table.index_of(limit), 0U);
  EXPECT_EQ(table.index_of(longer), 1U);
  EXPECT_EQ(table.index_of(longer + "x"), 2U);
  EXPECT_EQ(table.index_of(longer), 1U);
  EXPECT_EQ(table.key(0), limit);
  EXPECT_EQ(table.key(1).size(), KeyTable::kKeyBytesMax);
}

TEST(KeyTableTest, RetainRenumbers) {
  KeyTable table;
  std::vector<bool> keep;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    table.index_of(std::to_string(i));
    keep.push_back(i % 3 == 0);
  }
  table.retain(keep);
  EXPECT_EQ(table.size(), 1667U);
  EXPECT_EQ(table.index_of("300"), 100U);
  EXPECT_EQ(table.index_of("301"), 1667U);
}

}  // namespace
}  // namespace sluice::simulate
