// A connection: many calls at once, a late store, the end.
#include <gtest/gtest.h>

#include <algorithm>

#include "door/grpc/testing.h"

namespace sluice::door::grpc {
namespace {

using namespace std::chrono_literals;
using net::Session;
using policy::Unit;

std::vector<policy::Descriptor> one_rule() { return {test_descriptor("k", "", test_rule(5, Unit::minute))}; }
std::string body_of(std::string value) {
  return framed(request_of({{{"k", std::move(value)}}}).SerializeAsString());
}

/// Decides when it is told to, by a local store.
struct LateStore final : store::Store {
  void decide(store::Batch& batch, store::Completion& done) override {
    ++batches;
    largest = std::max(largest, batch.asks.size());
    waiting.emplace_back(&batch, &done);
    if (!late) release();
  }
  void release() {
    for (auto& [batch, done] : std::exchange(waiting, {})) local.decide(*batch, *done);
  }
  store::LocalStore local{{.max_keys = 1 << 10, .seed = 1}};
  std::vector<std::pair<store::Batch*, store::Completion*>> waiting;
  bool late = true;
  int batches = 0;
  std::size_t largest = 0;
};

TEST(GrpcSession, CallsThatComeTogetherAreOneBatch) {
  LateStore store;
  store.late = false;
  TestDoor door(one_rule(), {}, &store);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(door.begin(kShouldRateLimit, body_of(std::to_string(i % 10))));
  door.talk();
  EXPECT_EQ(store.batches, 1);
  EXPECT_EQ(store.largest, 50U);
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(TestDoor::show(door.outcome(ids[i]).response()), "OK: OK " + std::to_string(4 - i / 10) + "/5")
        << i;
}

TEST(GrpcSession, TwoThousandCalls) {
  TestDoor door({test_descriptor("k", "", test_rule(1000, Unit::hour))});
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 2000; ++i) ids.push_back(door.begin(kShouldRateLimit, body_of("v")));
  door.talk();
  int ok = 0, over = 0;
  for (const auto id : ids) {
    const auto response = door.outcome(id).response();
    ok += response.overall_code() == rls::RateLimitResponse::OK;
    over += response.overall_code() == rls::RateLimitResponse::OVER_LIMIT;
  }
  EXPECT_EQ(ok, 1000);
  EXPECT_EQ(over, 1000);
  EXPECT_EQ(door.door.requests(), 2000U);
}

TEST(GrpcSession, TheSameHoweverTheBytesAreCut) {
  std::string bytes;
  {
    TestDoor door(one_rule());
    door.begin(kShouldRateLimit, body_of("a"));
    door.begin(kShouldRateLimit, body_of("b"));
    door.begin("/grpc.health.v1.Health/Check", framed(""));
    door.begin(kShouldRateLimit, body_of("a"));
    bytes = door.client.bytes();
  }
  const auto answers = [&](std::size_t cut, std::size_t piece) {
    TestDoor door(one_rule());
    std::vector<std::int32_t> ids;
    ids.push_back(door.begin(kShouldRateLimit, body_of("a")));
    ids.push_back(door.begin(kShouldRateLimit, body_of("b")));
    ids.push_back(door.begin("/grpc.health.v1.Health/Check", framed("")));
    ids.push_back(door.begin(kShouldRateLimit, body_of("a")));
    door.client.bytes();
    door.client.hear(door.raw(bytes.substr(0, cut)));
    for (std::size_t at = cut; at < bytes.size(); at += piece)
      door.client.hear(door.raw(bytes.substr(at, piece)));
    std::string all;
    for (const auto id : ids) all += door.outcome(id).status + "|" + door.outcome(id).body + "|";
    return all;
  };
  const std::string whole = answers(0, bytes.size());
  EXPECT_EQ(whole.find("open"), std::string::npos);
  EXPECT_EQ(whole.substr(0, 2), "0|");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) ASSERT_EQ(answers(cut, bytes.size()), whole) << cut;
  ASSERT_EQ(answers(0, 1), whole);
}

TEST(GrpcSession, AStoreThatAnswersLater) {
  LateStore store;
  TestDoor door(one_rule(), {}, &store);
  const auto one = door.begin(kShouldRateLimit, body_of("a"));
  const auto two = door.begin(kShouldRateLimit, body_of("a"));
  door.talk();
  EXPECT_EQ(door.session->state(), Session::State::waiting);
  EXPECT_EQ(door.outcome(one).status, "open");
  const auto three = door.begin(kShouldRateLimit, body_of("a"));
  door.talk();
  EXPECT_EQ(store.batches, 1) << "nothing more is read meanwhile";
  store.release();
  EXPECT_EQ(door.host.resumed, 1);
  door.client.hear(door.raw(""));
  EXPECT_EQ(TestDoor::show(door.outcome(one).response()), "OK: OK 4/5");
  EXPECT_EQ(TestDoor::show(door.outcome(two).response()), "OK: OK 3/5");
  store.release();
  door.client.hear(door.raw(""));
  EXPECT_EQ(TestDoor::show(door.outcome(three).response()), "OK: OK 2/5");
  EXPECT_EQ(door.session->state(), Session::State::reading);
}

TEST(GrpcSession, AnAnswerBehindItsDeadlineIsNone) {
  LateStore store;
  TestDoor door(one_rule(), {}, &store);
  const auto late = door.begin(kShouldRateLimit, body_of("a"), {{"grpc-timeout", "20m"}});
  const auto patient = door.begin(kShouldRateLimit, body_of("b"), {{"grpc-timeout", "1S"}});
  door.talk();
  store.release();
  door.now += 21ms;
  door.client.hear(door.raw(""));
  EXPECT_EQ(door.outcome(late).status, "4");
  EXPECT_EQ(door.outcome(patient).status, "0");
}

TEST(GrpcSession, GoneWhileTheStoreDecides) {
  LateStore store;
  TestDoor door(one_rule(), {}, &store);
  door.begin(kShouldRateLimit, body_of("a"));
  door.talk();
  door.session.reset();
  store.release();
  EXPECT_EQ(door.host.resumed, 0);
}

TEST(GrpcSession, CancelledBeforeItIsAnswered) {
  LateStore store;
  store.late = false;
  TestDoor door(one_rule(), {}, &store);
  const auto one = door.begin(kShouldRateLimit, body_of("a"));
  const auto two = door.begin(kShouldRateLimit, body_of("b"));
  std::string bytes = door.client.bytes();
  door.client.cancel(one);
  bytes += door.client.bytes();
  door.client.hear(door.raw(bytes));
  EXPECT_EQ(door.outcome(two).status, "0");
}

TEST(GrpcSession, DrainAnswersWhatIsUnderWay) {
  TestDoor door(one_rule());
  EXPECT_EQ(door.ask({{"k", "a"}}), "OK: OK 4/5");
  const auto id = door.begin(kShouldRateLimit, body_of("a"));
  const std::string under_way = door.client.bytes();
  const auto half = door.begin(kShouldRateLimit, body_of("a").substr(0, 7), {}, false);
  const std::string begun = door.client.bytes();
  std::string out;
  door.session->drain(out);
  EXPECT_EQ(door.session->state(), Session::State::reading);
  door.client.hear(out);
  door.client.hear(door.raw(under_way + begun));
  EXPECT_EQ(TestDoor::show(door.outcome(id).response()), "OK: OK 3/5");
  door.talk();
  EXPECT_EQ(door.session->state(), Session::State::reading) << "one is not whole yet";
  door.client.more(half, body_of("a").substr(7), true);
  door.talk();
  EXPECT_EQ(TestDoor::show(door.outcome(half).response()), "OK: OK 2/5");
  EXPECT_EQ(door.session->state(), Session::State::closing);
}

TEST(GrpcSession, DrainTellsWatchers) {
  TestDoor door(one_rule());
  const auto id = door.begin("/grpc.health.v1.Health/Watch", framed(""));
  door.talk();
  const auto before = door.outcome(id).body;
  std::string out;
  door.session->drain(out);
  door.client.hear(out);
  EXPECT_EQ(door.outcome(id).status, "14");
  EXPECT_EQ(door.outcome(id).body, before + framed("\x08\x02"));  // NOT_SERVING.
  door.talk();
  EXPECT_EQ(door.session->state(), Session::State::closing);
}

TEST(GrpcSession, DrainOfAConnectionThatNeverSpoke) {
  TestDoor door(one_rule());
  std::string out;
  door.session->drain(out);
  EXPECT_EQ(door.session->state(), Session::State::closing);
  EXPECT_EQ(out, "");
}

TEST(GrpcSession, AnIdleOneIsToldGoodbye) {
  TestDoor door(one_rule());
  door.ask({{"k", "a"}});
  std::string out;
  door.session->expire(net::Expiry::idle, out);
  EXPECT_EQ(door.session->state(), Session::State::closing);
  EXPECT_EQ(out.substr(3, 1), "\x07");
  EXPECT_EQ(out.substr(13, 4), std::string(4, '\0'));
}

TEST(GrpcSession, TellsSinceWhenAnUnfinishedCallIsWaitedFor) {
  TestDoor door(one_rule());
  const Time began = door.now;
  door.ask({{"k", "a"}});
  EXPECT_EQ(door.session->unfinished_since(), std::nullopt);
  const auto first = door.begin(kShouldRateLimit, body_of("a").substr(0, 7), {}, false);
  door.talk();
  door.now += 1s;
  const auto second = door.begin(kShouldRateLimit, "", {}, false);
  for (int i = 0; i < 1000; ++i) door.ask({{"k", "b"}});
  EXPECT_EQ(door.session->unfinished_since(), began) << "calls between them change nothing";
  door.client.more(first, body_of("a").substr(7, 2), false);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), began) << "nor does a byte now and then";
  door.client.more(first, body_of("a").substr(9), true);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), began + 1s);
  door.client.cancel(second);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), std::nullopt);
  // A stream of questions may rest between two of them, but not within one.
  const std::string question = framed(std::string("\x3a\0", 2));
  const auto stream =
      door.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", question, {}, false);
  door.talk();
  EXPECT_EQ(door.outcome(stream).status, "open");
  EXPECT_EQ(door.session->unfinished_since(), std::nullopt);
  door.now += 1s;
  door.client.more(stream, question.substr(0, 3), false);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), began + 2s);
  door.client.more(stream, question.substr(3), false);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), std::nullopt);
  // An earlier question of the stream counts no more, though another call is waited for all the while.
  door.client.more(stream, question.substr(0, 3), false);
  door.talk();
  const auto other = door.begin(kShouldRateLimit, "", {}, false);
  door.talk();
  door.now += 1s;
  door.client.more(stream, question.substr(3) + question.substr(0, 3), false);
  door.talk();
  door.client.cancel(other);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), began + 3s);
  door.client.more(stream, question.substr(3), false);
  door.talk();
  EXPECT_EQ(door.session->unfinished_since(), std::nullopt);
  const auto watch = door.begin("/grpc.health.v1.Health/Watch", framed(""));
  door.talk();
  EXPECT_EQ(door.outcome(watch).status, "open");
  EXPECT_EQ(door.session->unfinished_since(), std::nullopt);
}

TEST(GrpcSession, AnotherProtocolIsTurnedAway) {
  TestDoor door(one_rule());
  EXPECT_FALSE(door.raw("GET / HTTP/1.1\r\nHost: t\r\n\r\n").empty());
  EXPECT_EQ(door.session->state(), Session::State::closing);
  EXPECT_EQ(door.raw("more"), "");
}

TEST(GrpcSession, UnfinishedMessagesAreBounded) {
  TestDoor door(one_rule(), {.message_bytes_max = 10'000, .buffered_bytes_max = 50'000});
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i)  // Each says 10,000 and sends 9,000.
    ids.push_back(door.begin(kShouldRateLimit, framed(std::string(10'000, 'x')).substr(0, 9'000), {}, false));
  door.talk();
  int open = 0, refused = 0;
  for (const auto id : ids) {
    open += door.outcome(id).status == "open";
    refused += door.outcome(id).status == "8";
  }
  EXPECT_EQ(open, 5);
  EXPECT_EQ(refused, 15);
  door.client.cancel(ids[0]);
  door.talk();
  EXPECT_EQ(door.ask({{"k", "a"}}), "OK: OK 4/5");
}

TEST(GrpcSession, WhoTakesNoAnswersHoldsOnlyHisStreams) {
  TestDoor door(one_rule(), {.http2 = {.streams_max = 100}});
  wire::Http2TestClient deaf(0);
  std::size_t said = 0;
  for (int i = 0; i < 1000; ++i) {
    deaf.request(TestDoor::head(kShouldRateLimit), body_of("a"));
    const auto out = door.raw(deaf.bytes());
    said += out.size();
    deaf.hear(out);
  }
  EXPECT_EQ(door.door.requests(), 100U);
  EXPECT_LT(said, 100'000U);
}

TEST(GrpcSession, RefusalIsGoodHttp2) {
  TestDoor door(one_rule());
  const auto id = door.client.request(TestDoor::head(kShouldRateLimit), body_of("a"));
  door.client.bytes();
  EXPECT_TRUE(door.client.hear(door.door.refusal()));
  ASSERT_EQ(door.client.goaways.size(), 1U);
  EXPECT_EQ(door.client.goaways[0], (std::pair<std::int32_t, std::uint32_t>{0, NGHTTP2_ENHANCE_YOUR_CALM}));
  EXPECT_EQ(door.client.answers[id].error, static_cast<std::uint32_t>(NGHTTP2_REFUSED_STREAM));
}

TEST(GrpcOverload, CallsAreShedAndHealthIsNot) {
  TestDoor door(one_rule());
  door.host.sheds = true;
  const auto shed = door.call(kShouldRateLimit, body_of("v"));
  EXPECT_EQ(shed.status, "14");  // UNAVAILABLE
  EXPECT_EQ(shed.message, "this server is overloaded");
  EXPECT_EQ(door.call("/grpc.health.v1.Health/Check", framed("")).status, "0");
  EXPECT_EQ(door.door.shed(), 1U);
  door.host.sheds = false;
  EXPECT_EQ(TestDoor::show(door.outcome(door.begin(kShouldRateLimit, body_of("v"))).response()).size() > 0,
            true);
}

TEST(GrpcOverload, ATurnHasAnEndAndTheNextGoesOnThere) {
  TestDoor door({test_descriptor("k", "", test_rule(10000, Unit::hour))});
  for (int i = 0; i < 3000; ++i) door.begin(kShouldRateLimit, body_of("v"));
  std::string in;
  std::size_t turns = 0, most = 0;
  do {
    std::string out;
    in += door.client.bytes();  // As many as may be open at one time.
    const auto before = door.door.requests();
    in.erase(0, door.session->feed(in, door.now, out));
    most = std::max(most, static_cast<std::size_t>(door.door.requests() - before));
    door.client.hear(out);
    ++turns;
  } while (most > 0 && door.door.requests() < 3000 && turns < 3000);
  EXPECT_EQ(door.door.requests(), 3000U);
  EXPECT_GT(turns, 2U);
  EXPECT_LT(most, 1000U);
}

}  // namespace
}  // namespace sluice::door::grpc
