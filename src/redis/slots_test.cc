#include "redis/slots.h"

#include <gtest/gtest.h>

#include "redis/reply_parser.h"

namespace sluice::redis {
namespace {

const net::Address kAsked{.kind = net::Address::Kind::tcp, .host = "asked", .port = 1};

TEST(Slots, OfKeys) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);  // The specification's own example.
  EXPECT_EQ(crc16(""), 0);
  // As CLUSTER KEYSLOT of redis-server 7.0.15 says.
  const std::pair<std::string_view, int> slots[] = {{"foo", 12182}, {"bar", 5061}, {"", 0}};
  for (const auto& [key, slot] : slots) EXPECT_EQ(slot_of(key), slot) << key;
  // What is hashed of a key.
  const std::pair<std::string_view, std::string_view> tags[] = {
      {"{user}.a", "user"}, {"x{user}y{z}", "user"},
      {"foo{}{bar}", ""},   {"foo{{bar}}zap", "{bar"},
      {"a{b", ""},          {"a}b{", ""},
  };
  for (const auto& [key, tag] : tags) EXPECT_EQ(slot_of(key), crc16(tag.empty() ? key : tag) % kSlots) << key;
}

Result<SlotMap> map(std::string bytes) {
  ReplyParser parser;
  std::string_view in = bytes;
  EXPECT_EQ(parser.feed(in), ReplyParser::Event::reply) << bytes;
  return SlotMap::read(parser.reply(), kAsked);
}

TEST(Slots, Map) {
  // The second range with a replica and with metadata, as since Redis 7; the third of a server without a
  // name.
  const auto read =
      map("*3\r\n*3\r\n:0\r\n:99\r\n*3\r\n$1\r\na\r\n:7000\r\n$2\r\nid\r\n"
          "*4\r\n:200\r\n:16383\r\n*4\r\n$1\r\nb\r\n:7001\r\n$2\r\nid\r\n%1\r\n+hostname\r\n+h\r\n*2\r\n$"
          "1\r\nc\r\n:7002\r\n"
          "*3\r\n:100\r\n:100\r\n*2\r\n$0\r\n\r\n:7003\r\n");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->primaries().size(), 3U);
  EXPECT_EQ(read->primaries()[read->owner(0)].text(), "a:7000");
  EXPECT_EQ(read->primaries()[read->owner(99)].text(), "a:7000");
  EXPECT_EQ(read->primaries()[read->owner(100)].text(), "asked:7003");
  EXPECT_EQ(read->owner(101), SlotMap::kNone);
  EXPECT_EQ(read->primaries()[read->owner(16383)].text(), "b:7001");
  EXPECT_EQ(read->covered(), kSlots - 99);
  SlotMap moved = *read;
  moved.move(101, read->primaries()[0]);
  EXPECT_EQ(moved.owner(101), 0);
  EXPECT_EQ(moved.primaries().size(), 3U);
}

TEST(Slots, NoMap) {
  for (const char* bytes :
       {"+OK\r\n", "-ERR This instance has cluster support disabled\r\n", "*1\r\n:1\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+a\r\n:1\r\n",
        "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n+a\r\n:1\r\n", "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n+a\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n+a\r\n:0\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n+a\r\n",
        "*1\r\n*3\r\n+0\r\n:1\r\n*2\r\n+a\r\n:1\r\n"})
    EXPECT_FALSE(map(bytes)) << bytes;
  const auto empty = map("*0\r\n");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->covered(), 0U);
}

TEST(Slots, Redirects) {
  const auto shown = [](std::string_view error) {
    const auto r = Redirect::read(error, kAsked);
    return r ? (r->ask ? "ask " : "moved ") + std::to_string(r->slot) + " " + r->to.text() : "none";
  };
  EXPECT_EQ(shown("MOVED 3999 127.0.0.1:6381"), "moved 3999 127.0.0.1:6381");
  EXPECT_EQ(shown("ASK 16383 ::1:6381"), "ask 16383 [::1]:6381");
  EXPECT_EQ(shown("MOVED 0 :6381"), "moved 0 asked:6381");
  EXPECT_EQ(shown("MOVED 0 ?:6381"), "moved 0 asked:6381");
  for (const char* none :
       {"ERR no", "MOVED", "MOVED 1", "MOVED 16384 a:1", "MOVED x a:1", "MOVED 1 a", "MOVED 1 a:0",
        "MOVED 1 a:65536", "ASKING 1 a:1", "TRYAGAIN Multiple keys request during rehashing of slot"})
    EXPECT_EQ(shown(none), "none") << none;
}

}  // namespace
}  // namespace sluice::redis
