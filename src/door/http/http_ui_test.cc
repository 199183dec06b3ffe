// The dashboard's files: what is sent, when nothing is, and that nothing else is let in.
#include <gtest/gtest.h>

#include "door/http/testing.h"
#include "door/http/ui_files.h"
#include "wire/grpc/gzip.h"

namespace sluice::door::http {
namespace {

TEST(HttpUi, EveryFileIsServedPlainAndPacked) {
  TestDoor t;
  for (const auto& file : ui_files()) {
    const auto plain = t.ask(get(file.path));
    EXPECT_EQ(plain.status, 200) << file.path;
    EXPECT_EQ(plain.body, file.body);
    EXPECT_EQ(plain.field("Content-Type"), file.content_type);
    EXPECT_EQ(plain.field("Content-Encoding"), "");
    EXPECT_EQ(plain.field("Vary"), "Accept-Encoding");
    const auto packed = t.ask(get(file.path, "Accept-Encoding: br;q=1, gzip;q=0.8\r\n"));
    EXPECT_EQ(packed.field("Content-Encoding"), "gzip");
    wire::Gzip gzip;
    std::string unpacked;
    EXPECT_EQ(gzip.unpack(packed.body, file.body.size(), unpacked), wire::GunzipResult::ok);
    EXPECT_EQ(unpacked, file.body);
    for (const char* none : {"identity", "gzip;q=0", "br, gzip; q=0.000", "xgzip", "gzipped"})
      EXPECT_EQ(
          t.ask(get(file.path, std::string("Accept-Encoding: ") + none + "\r\n")).field("Content-Encoding"),
          "")
          << none;
  }
}

TEST(HttpUi, WhatTheBrowserHasIsNotSentAgain) {
  TestDoor t;
  for (const auto& file : ui_files()) {
    const auto etag = t.ask(get(file.path)).field("ETag");
    EXPECT_EQ(etag.size(), 18u);
    for (const auto& known : {etag, "W/" + etag, "\"x\", " + etag}) {
      const auto r = t.ask(get(file.path, "If-None-Match: " + known + "\r\n"));
      EXPECT_EQ(r.status, 304);
      EXPECT_EQ(r.body, "");
      EXPECT_EQ(r.field("Content-Length"), "");
      EXPECT_EQ(r.field("ETag"), etag);
    }
    EXPECT_EQ(t.ask(get(file.path, "If-None-Match: \"0123456789abcdef\"\r\n")).status, 200);
  }
}

// The browser test holds the hashes against the page: Chromium says what it lets in.
TEST(HttpUi, ThePolicyLetsNothingInFromElsewhere) {
  TestDoor t;
  const auto r = t.ask(get("/ui"));
  const auto policy = r.field("Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self' 'sha256-")) << policy;
  EXPECT_NE(policy.find("; style-src 'sha256-"), std::string::npos) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(r.field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(r.body.find(" style="), std::string::npos);
  EXPECT_EQ(r.body.find("://"), std::string::npos);
}

TEST(HttpUi, OtherPathsAndMethodsAreNotTheDashboards) {
  TestDoor t;
  auto r = t.ask(get("/ui/"));
  EXPECT_EQ(r.status, 308);
  EXPECT_EQ(r.field("Location"), "../ui");
  for (const char* path : {"/ui/nothing", "/uix", "/ui/../ui", "/ui/app.js/"})
    EXPECT_EQ(t.ask(get(path)).status, 404) << path;
  EXPECT_EQ(t.ask(post("/ui", "x")).status, 405);
  TestDoor off({.ui = false});
  EXPECT_EQ(off.ask(get("/ui")).status, 404);
  EXPECT_EQ(off.ask(get("/ui/app.js")).status, 404);
}

}  // namespace
}  // namespace sluice::door::http
