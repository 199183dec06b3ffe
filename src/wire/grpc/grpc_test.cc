#include <gtest/gtest.h>

#include <random>

#include "wire/grpc/grpc_head.h"
#include "wire/grpc/grpc_message.h"
#include "wire/grpc/grpc_status.h"
#include "wire/grpc/gzip.h"

namespace sluice::wire {
namespace {

using namespace std::chrono_literals;

TEST(GrpcTimeout, Table) {
  const struct {
    const char* text;
    std::optional<Duration> expected;
  } rows[] = {
      {"1H", 1h},
      {"2M", 2min},
      {"3S", 3s},
      {"4m", 4ms},
      {"5u", 5us},
      {"6n", 6ns},
      {"0m", 0ns},
      {"99999999n", 99'999'999ns},
      {"99999999M", std::chrono::minutes(99'999'999)},
      {"99999999H", std::chrono::hours(2'562'047)},  // As long as there is time.
      {"", {}},
      {"1", {}},
      {"m", {}},
      {"-1m", {}},
      {"1.5S", {}},
      {"100000000m", {}},
      {"1x", {}},
      {" 1m", {}},
      {"1 m", {}},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_grpc_timeout(row.text), row.expected) << row.text;
}

GrpcHead head_of(std::initializer_list<std::pair<const char*, const char*>> more) {
  GrpcHead head;
  head.field(":method", "POST");
  head.field(":path", "/s.S/M");
  head.field("content-type", "application/grpc");
  for (const auto& [name, value] : more) head.field(name, value);
  return head;
}

TEST(GrpcHead, ContentTypes) {
  const struct {
    const char* type;
    bool good;
  } rows[] = {
      {"application/grpc", true},
      {"application/grpc+proto", true},
      {"application/grpc;x=y", true},
      {"application/grpc+proto; charset=utf-8", true},
      {"application/grpc-web", false},
      {"application/grpc+json", false},
      {"application/json", false},
      {"application/grp", false},
      {"", false},
      {"application/grpc+proton", false},
  };
  for (const auto& row : rows) {
    const auto problem = head_of({{"content-type", row.type}}).check();
    EXPECT_EQ(!problem, row.good) << row.type;
    if (problem) {
      EXPECT_EQ(problem->http_status, 415);
    }
  }
}

TEST(GrpcHead, WhatACallMustHave) {
  EXPECT_FALSE(head_of({}).check());
  EXPECT_EQ(head_of({{":method", "GET"}}).check()->http_status, 405);
  EXPECT_EQ(head_of({{"grpc-encoding", "snappy"}}).check()->code, GrpcCode::unimplemented);
  EXPECT_EQ(head_of({{"grpc-timeout", "soon"}}).check()->code, GrpcCode::invalid_argument);
  EXPECT_EQ(GrpcHead().check()->http_status, 405);
}

TEST(GrpcHead, WhatItKeeps) {
  const auto head = head_of({{"grpc-timeout", "20m"},
                             {"grpc-encoding", "gzip"},
                             {"grpc-accept-encoding", "deflate, gzip"},
                             {"user-agent", "x"}});
  EXPECT_EQ(head.path(), "/s.S/M");
  EXPECT_EQ(head.timeout(), 20ms);
  EXPECT_EQ(head.encoding(), GrpcHead::Encoding::gzip);
  EXPECT_TRUE(head.accepts_gzip());
  EXPECT_FALSE(head_of({{"grpc-accept-encoding", "gzippy,identity"}}).accepts_gzip());
  EXPECT_LE(head_of({{":path", std::string(5000, 'p').c_str()}}).path().size(), 256U);
}

TEST(GrpcHead, ClearedItIsAsNew) {
  auto head = head_of({{"grpc-timeout", "x"}, {"grpc-encoding", "br"}, {"grpc-accept-encoding", "gzip"}});
  head.clear();
  head.field(":method", "POST");
  head.field("content-type", "application/grpc");
  EXPECT_FALSE(head.check());
  EXPECT_EQ(head.path(), "");
  EXPECT_FALSE(head.accepts_gzip());
  EXPECT_FALSE(head.timeout());
}

std::string framed(bool compressed, std::string_view bytes) {
  std::string out(kGrpcPrefix, '\0');
  write_grpc_prefix(compressed, bytes.size(), out);
  return out.append(bytes);
}

TEST(GrpcMessage, ReadsWhatWasWritten) {
  for (const std::size_t size : {0U, 1U, 255U, 256U, 65535U, 65536U, 70000U}) {
    const std::string bytes(size, 'm');
    const std::string wire = framed(size % 2 == 1, bytes) + "next";
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{4}, wire.size() - 5}) {
      if (cut >= kGrpcPrefix + size) continue;
      std::string_view part = std::string_view(wire).substr(0, cut);
      GrpcMessage none;
      EXPECT_EQ(read_grpc_message(part, size, none), GrpcRead::need_more);
      EXPECT_EQ(part.size(), cut);
    }
    std::string_view in = wire;
    GrpcMessage message;
    ASSERT_EQ(read_grpc_message(in, size, message), GrpcRead::message);
    EXPECT_EQ(message.bytes, bytes);
    EXPECT_EQ(message.compressed, size % 2 == 1);
    EXPECT_EQ(in, "next");
  }
}

TEST(GrpcMessage, IsRefusedByItsPrefixAlone) {
  GrpcMessage message;
  std::string_view large("\0\0\0\0\x0b", 5);
  EXPECT_EQ(read_grpc_message(large, 10, message), GrpcRead::too_large);
  std::string_view largest("\1\xff\xff\xff\xff", 5);
  EXPECT_EQ(read_grpc_message(largest, 1 << 20, message), GrpcRead::too_large);
  std::string_view flag("\2", 1);
  EXPECT_EQ(read_grpc_message(flag, 10, message), GrpcRead::bad_flag);
}

TEST(GrpcStatus, MessagesArePercentEncoded) {
  const auto encoded = [](std::string_view text) {
    std::string out;
    append_grpc_message(text, out);
    return out;
  };
  EXPECT_EQ(encoded("rate limit domain must not be empty"), "rate limit domain must not be empty");
  EXPECT_EQ(encoded("100%\n\xc3\xbc\x7f"), "100%25%0A%C3%BC%7F");
  EXPECT_EQ(grpc_code_text(GrpcCode::unavailable), "14");
  EXPECT_EQ(grpc_code_text(GrpcCode::ok), "0");
}

TEST(Gzip, UnpacksWhatItPacked) {
  Gzip gzip;
  std::mt19937 random(1);
  for (const std::size_t size : {0U, 1U, 100U, 5000U, 100'000U}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(random() % 3 == 0 ? random() : 'a');
    std::string packed, unpacked("before");
    gzip.pack(text, packed);
    ASSERT_EQ(gzip.unpack(packed, size, unpacked), GunzipResult::ok);
    EXPECT_EQ(unpacked, "before" + text);
    if (size > 0) {
      EXPECT_EQ(gzip.unpack(packed, size - 1, unpacked), GunzipResult::too_large);
    }
    EXPECT_EQ(unpacked, "before" + text);
  }
}

TEST(Gzip, ABombIsGivenUpAtTheLimit) {
  Gzip gzip;
  std::string bomb;
  gzip.pack(std::string(100 << 20, '\0'), bomb);
  ASSERT_LT(bomb.size(), 1U << 20);
  std::string out;
  EXPECT_EQ(gzip.unpack(bomb, 64 * 1024, out), GunzipResult::too_large);
  EXPECT_LT(out.capacity(), 4 * bomb.size() + 128 * 1024);
}

TEST(Gzip, DamageIsSeen) {
  Gzip gzip;
  std::string packed;
  gzip.pack("some text, some text, some text", packed);
  std::string out;
  for (std::size_t cut = 0; cut < packed.size(); ++cut)
    EXPECT_EQ(gzip.unpack(std::string_view(packed).substr(0, cut), 1000, out), GunzipResult::damaged) << cut;
  EXPECT_EQ(gzip.unpack(packed + "x", 1000, out), GunzipResult::damaged);
  std::string wrong = packed;
  wrong[wrong.size() - 6] ^= 1;  // The checksum.
  EXPECT_EQ(gzip.unpack(wrong, 1000, out), GunzipResult::damaged);
  EXPECT_EQ(gzip.unpack("no gzip at all", 1000, out), GunzipResult::damaged);
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace sluice::wire
