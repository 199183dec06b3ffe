// echo_server.h: a server for the tests of Http2Server: answers each request with its own path and body.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <string_view>

#include "wire/http2/http2_server.h"

namespace sluice::wire {

struct EchoServer final : Http2Owner {
  struct Stream final : Http2Stream {
    std::string path, received;
    std::size_t fields = 0;
    void reset() {
      reset_stream();
      path.clear();
      received.clear();
      fields = 0;
    }
  };

  explicit EchoServer(const Http2Server::Limits& limits = {}) : http2(limits, *this, now) {}

  Http2Stream& begin() override {
    ++begun;
    if (spare.empty()) spare.push_back(&all.emplace_back());
    Stream& s = *spare.back();
    spare.pop_back();
    return s;
  }
  void field(Http2Stream& s, std::string_view name, std::string_view value) override {
    ++of(s).fields;
    if (name == ":path") of(s).path = value;
  }
  void head(Http2Stream& s) override {
    if (!s.head_too_large) return;
    const Http2Field fields[] = {{":status", "431"}};
    http2.respond(s, fields, true);
  }
  void data(Http2Stream& s, std::string_view bytes) override { of(s).received.append(bytes); }
  void ended(Http2Stream& s) override {
    ++ended_count;
    if (s.responded) return;
    const Http2Field fields[] = {{":status", "200"}, {"content-type", "text/plain"}};
    http2.respond(s, fields, false);
    s.body = of(s).path + "|" + of(s).received;
    if (hold_back) return;
    const Http2Field trailers[] = {{"x-fields", "yes"}};
    http2.finish(s, trailers);
  }
  void closed(Http2Stream& s) override {
    ++closed_count;
    of(s).reset();
    spare.push_back(&of(s));
  }

  /// What the connection would do.
  std::string feed(std::string_view bytes) {
    std::string out;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kPiece))) {
      http2.feed(bytes.substr(0, kPiece), now);
      http2.write(out);
    }
    return out;
  }
  std::string written() {
    std::string out;
    http2.write(out);
    return out;
  }
  static Stream& of(Http2Stream& s) { return static_cast<Stream&>(s); }

  static constexpr std::size_t kPiece = 8192;
  Time now{std::chrono::hours(1)};
  bool hold_back = false;
  int begun = 0, ended_count = 0, closed_count = 0;
  std::deque<Stream> all;
  std::vector<Stream*> spare;
  Http2Server http2;
};

}  // namespace sluice::wire
