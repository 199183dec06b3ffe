// line_door.h: a door for tests: one line is one request, and its answer is the same line. Some words do
// more:
//
//     later       is answered from another loop turn, as by a store far away
//     never       is never answered
//     big N       N bytes 'x' and a newline
//     quit        "bye", then closes
//
// Kept in a turn: kLinesATurn. What is shed is answered "busy".
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "net/session.h"

namespace sluice::net {

class LineSession final : public Session {
 public:
  using Post = std::function<void(std::function<void()>)>;
  using Count = std::function<void(std::string_view line)>;
  LineSession(Host& host, Post post, Count count = {})
      : host_(host), post_(std::move(post)), count_(std::move(count)) {}

  static constexpr std::size_t kLinesATurn = 1000;

  std::size_t feed(std::string_view in, Time, std::string& out) override {
    if (state_ == State::waiting) {
      out += "late\n";
      state_ = State::reading;
    }
    std::size_t used = 0, lines = 0;
    more_ = false;
    while (state_ == State::reading && out.size() < kSessionOutputPause) {
      if (lines++ == kLinesATurn) {
        more_ = true;
        break;
      }
      const auto end = in.find('\n', used);
      if (end == std::string_view::npos) break;
      answer(in.substr(used, end - used), out);
      used = end + 1;
    }
    return used;
  }
  State state() const override { return state_; }
  bool more() const override { return more_; }
  void drain(std::string& out) override {
    out += "draining\n";
    state_ = State::closing;
  }
  void expire(Expiry why, std::string& out) override {
    out += why == Expiry::idle ? "idle\n" : why == Expiry::partial ? "partial\n" : "memory\n";
    state_ = State::closing;
  }

 private:
  void answer(std::string_view line, std::string& out) {
    if (count_) count_(line);
    if (host_.shedding()) {
      out += "busy\n";
    } else if (line == "later" || line == "never") {
      state_ = State::waiting;
      if (line == "later") post_([this] { host_.resume(); });
    } else if (line.starts_with("big ")) {
      out.append(static_cast<std::size_t>(std::atoll(std::string(line.substr(4)).c_str())), 'x') += '\n';
    } else if (line == "quit") {
      out += "bye\n";
      state_ = State::closing;
    } else {
      (out += line) += '\n';
    }
  }

  Host& host_;
  Post post_;
  Count count_;  // Told of each line.
  State state_ = State::reading;
  bool more_ = false;
};

class LineFactory final : public SessionFactory {
 public:
  explicit LineFactory(LineSession::Post post, LineSession::Count count = {})
      : post_(std::move(post)), count_(std::move(count)) {}
  std::unique_ptr<Session> session(Host& host, std::string_view) override {
    return std::make_unique<LineSession>(host, post_, count_);
  }
  std::string_view refusal() const override { return "full\n"; }

 private:
  LineSession::Post post_;
  LineSession::Count count_;
};

}  // namespace sluice::net
