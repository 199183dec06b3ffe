#include "wire/http_writer.h"

#include <gtest/gtest.h>

#include "wire/http_target.h"
#include "wire/structured_fields.h"

namespace sluice::wire {
namespace {

std::string written(const HttpResponse& response) {
  std::string out;
  write_response(response, out);
  return out;
}

TEST(HttpWriter, WritesResponses) {
  EXPECT_EQ(written({.fields = "A: b\r\n", .content_type = "text/plain", .body = "hello"}),
            "HTTP/1.1 200 OK\r\nA: b\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(written({.status = 204, .close = true}), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(written({.content_type = "text/plain", .body = "hello", .head_only = true}),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(written({.status = 403}), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpWriter, KnowsReasons) {
  EXPECT_EQ(http_reason(429), "Too Many Requests");
  EXPECT_EQ(http_reason(200), "OK");
}

TEST(HttpTarget, Splits) {
  const auto shown = [](std::string_view target) {
    const auto parts = split_target(target);
    return std::string(parts.path).append(" ").append(parts.query);
  };
  EXPECT_EQ(shown("/a/b?c=d?e"), "/a/b c=d?e");
  EXPECT_EQ(shown("/a"), "/a ");
  EXPECT_EQ(shown("/?"), "/ ");
  EXPECT_EQ(shown("http://h:1/a?b"), "/a b");
  EXPECT_EQ(shown("http://h"), "/ ");
  EXPECT_EQ(shown("http://h?b"), "/ b");
  EXPECT_EQ(shown("*"), "* ");
}

TEST(HttpTarget, DecodesQueries) {
  EXPECT_EQ(decode_query("a%20b+c%2b%C3%a9%00"), std::string("a b c+\xC3\xA9\0", 9));
  for (const char* bad : {"%", "%2", "a%g0", "%2g"}) EXPECT_EQ(decode_query(bad), std::nullopt) << bad;
  std::string_view query = "&a=1&&b&=c&d==";
  std::string shown;
  for (std::string_view name, value; next_parameter(query, name, value);)
    shown.append(name).append(":").append(value).append(" ");
  EXPECT_EQ(shown, "a:1 b: :c d:= ");
}

TEST(StructuredFields, StayWithinTheFormat) {
  std::string out;
  field_string(out, "a\"b\\c\xC3\xA9\n\x7F");
  EXPECT_EQ(out, R"("a\"b\\c????")");
  out.clear();
  field_parameter(out, "q", INT64_MAX);
  field_parameter(out, "r", INT64_MIN);
  field_parameter(out, "t", 0);
  EXPECT_EQ(out, ";q=999999999999999;r=-999999999999999;t=0");
}

}  // namespace
}  // namespace sluice::wire
