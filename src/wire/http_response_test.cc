#include "wire/http_response.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/protobuf_reader.h"
#include "wire/protobuf_writer.h"

namespace sluice::wire {
namespace {

using Read = HttpResponseRead;

TEST(HttpResponse, IsTheSameHoweverItIsCut) {
  const std::string text =
      "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nRetry-After:  7 \r\n\r\nbusy";
  HttpResponse r;
  for (std::size_t n = 0; n < text.size(); ++n)
    EXPECT_EQ(read_http_response(text.substr(0, n), r), Read::need_more);
  EXPECT_EQ(read_http_response(text, r), Read::whole);
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(r.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(r.body, "busy");
  EXPECT_TRUE(r.reusable);
}

TEST(HttpResponse, WhatDoesNotSayItsLengthEndsTheConnection) {
  HttpResponse r;
  for (const char* fields :
       {"", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\nConnection: close\r\n"}) {
    EXPECT_EQ(read_http_response(std::string("HTTP/1.1 200 OK\r\n") + fields + "\r\n", r), Read::whole);
    EXPECT_EQ(r.status, 200);
    EXPECT_FALSE(r.reusable);
  }
  EXPECT_EQ(read_http_response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", r), Read::whole);
  EXPECT_FALSE(r.reusable);
}

TEST(HttpResponse, PassesOverInterimOnesAndDates) {
  HttpResponse r;
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nContent-Length: 0\r\n"
      "Retry-After: Fri, 31 Dec 2027 23:59:59 GMT\r\n\r\n";
  EXPECT_EQ(read_http_response(text, r), Read::whole);
  EXPECT_EQ(r.status, 429);
  EXPECT_FALSE(r.retry_after);
}

TEST(HttpResponse, OtherBytesAreNone) {
  HttpResponse r;
  for (const std::string& text :
       {std::string("SSH-2.0"), std::string("HTTP/1.1 abc\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nno field\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"), std::string("HTTP/1.1\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nA: " + std::string(kHttpResponseMax, 'a')})
    EXPECT_EQ(read_http_response(text, r), Read::malformed) << text.substr(0, 40);
}

TEST(ProtobufWriter, WritesWhatTheReaderReads) {
  std::string out;
  ProtobufWriter to(out);
  to.varint(1, 300);
  to.message(2, [](ProtobufWriter& inner) {
    inner.text(1, std::string(200, 'a'));
    inner.fixed64(16, 1);
    inner.fixed32(3, 2);
    inner.real(4, 0.5);
  });
  to.varint(1, ~std::uint64_t{0});
  std::uint64_t number = 0;
  std::string_view inner;
  ProtobufReader fields(out);
  while (fields.next()) {
    if (fields.is(1, ProtobufReader::kVarint)) number = fields.number();
    if (fields.is(2, ProtobufReader::kText)) inner = fields.text();
  }
  EXPECT_TRUE(fields.ok());
  EXPECT_EQ(number, ~std::uint64_t{0});
  EXPECT_EQ(inner.size(), 203u + 10 + 5 + 9);
}

}  // namespace
}  // namespace sluice::wire
