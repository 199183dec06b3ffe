#include "server/timed_door.h"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;

/// One byte is one request; "w" waits for a store.
class ByteDoor final : public net::SessionFactory {
 public:
  class ByteSession final : public net::Session {
   public:
    explicit ByteSession(ByteDoor& door) : door_(door) {}
    std::size_t feed(std::string_view in, Time, std::string& out) override {
      if (state_ == State::waiting) {
        out += 'W';
        state_ = State::reading;
        return 1;
      }
      door_.requests_ += in.size();
      if (in == "w") {
        state_ = State::waiting;
        return 0;
      }
      out += in;
      return in.size();
    }
    State state() const override { return state_; }
    void drain(std::string&) override { state_ = State::closing; }
    void expire(net::Expiry, std::string&) override { state_ = State::closing; }

   private:
    ByteDoor& door_;
    State state_ = State::reading;
  };
  std::unique_ptr<net::Session> session(net::Host&, std::string_view) override {
    return std::make_unique<ByteSession>(*this);
  }
  std::string_view refusal() const override { return "full\n"; }
  std::uint64_t requests() const override { return requests_; }

 private:
  std::uint64_t requests_ = 0;
};

struct NoHost final : net::Host {
  void resume() override {}
};

struct Fixture {
  std::uint64_t count() const { return metrics.requests("resp"); }
  std::uint64_t ns() const { return metrics.latencies().at("resp").sum_ns; }

  observe::Metrics metrics;
  TimedDoor door{std::make_unique<ByteDoor>(), metrics.door("resp")};
  NoHost host;
  std::string out;
};

TEST(TimedDoor, EveryRequestOfABatchTakesAsLongAsTheBatch) {
  Fixture f;
  const auto session = f.door.session(f.host, "peer");
  EXPECT_EQ(session->feed("abc", Clock::now() - 5ms, f.out), 3U);
  EXPECT_EQ(f.out, "abc");
  EXPECT_EQ(f.count(), 3U);
  EXPECT_GE(f.ns(), 15'000'000U);
  session->feed("", Clock::now(), f.out);  // No request: nothing to time.
  EXPECT_EQ(f.count(), 3U);
  EXPECT_EQ(f.door.refusal(), "full\n");
  session->drain(f.out);
  EXPECT_EQ(session->state(), net::Session::State::closing);
}

TEST(TimedDoor, WaitingForTheStoreCounts) {
  Fixture f;
  const auto slow = f.door.session(f.host, "slow"), quick = f.door.session(f.host, "quick");
  slow->feed("w", Clock::now() - 7ms, f.out);
  EXPECT_EQ(f.count(), 0U);  // Not answered yet.
  quick->feed("ab", Clock::now(), f.out);
  EXPECT_EQ(f.count(), 2U);  // The other session's is not among them.
  slow->feed("w", Clock::now(), f.out);
  EXPECT_EQ(f.out, "abW");
  EXPECT_EQ(f.count(), 3U);
  EXPECT_GE(f.ns(), 7'000'000U);
}

}  // namespace
}  // namespace sluice::server
