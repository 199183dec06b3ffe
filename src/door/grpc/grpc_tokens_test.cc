// Tokens and their roles, shown as gRPC's metadata.
#include <gtest/gtest.h>

#include "door/grpc/method.h"
#include "door/grpc/testing.h"

namespace sluice::door::grpc {
namespace {

using policy::Unit;

std::shared_ptr<const access::TokenSet> tokens() {
  auto scope = std::make_shared<access::Scope>();
  scope->add_domain("e*");
  return std::make_shared<const access::TokenSet>(
      std::vector<access::Token>{{"proxy", access::sha256("take"), access::kTake, nullptr},
                                 {"watch", access::sha256("inspect"), access::kInspect, nullptr},
                                 {"tenant", access::sha256("tenant"), access::kTake, scope}});
}

struct Guarded {
  access::CurrentTokens current{tokens()};
  access::Denials denials;
  TestDoor door{{test_descriptor("user", "", test_rule(5, Unit::minute))},
                {.tokens = &current, .denials = &denials}};

  Outcome take(const wire::FieldList& fields) { return door.call(request_of({{{"user", "a"}}}), fields); }
};

TEST(GrpcTokens, DecidesForWhoHasTheRole) {
  Guarded g;
  auto out = g.take({{"authorization", "Bearer take"}});
  EXPECT_EQ(out.status, "0");
  EXPECT_EQ(TestDoor::show(out.response()), "OK: OK 4/5");
  out = g.take({});
  EXPECT_EQ(out.status, "16");
  EXPECT_EQ(out.message, "this server asks for a token; send Authorization: Bearer TOKEN");
  EXPECT_EQ(g.take({{"authorization", "Bearer tak"}}).status, "16");
  EXPECT_EQ(g.take({{"authorization", "Basic take"}}).status, "16");
  out = g.take({{"authorization", "Bearer inspect"}});
  EXPECT_EQ(out.status, "7");
  EXPECT_EQ(out.message, "the token \"watch\" lacks the role take; it has inspect");
  EXPECT_EQ(TestDoor::show(g.take({{"authorization", "bearer take"}}).response()),
            "OK: OK 3/5");  // None was charged.
  EXPECT_EQ(g.denials.unauthenticated, 3u);
  EXPECT_EQ(g.denials.forbidden, 1u);
}

TEST(GrpcTokens, HealthIsOpenAndReflectionIsNot) {
  Guarded g;
  for (const Method& method : methods()) {
    const bool health = method.path.starts_with("/grpc.health.");
    const auto id = g.door.begin(method.path, framed(""));
    g.door.talk();
    EXPECT_EQ(g.door.outcome(id).status == "16", !health) << method.path;
  }
  const auto id = g.door.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", framed(""),
                               {{"authorization", "Bearer inspect"}});
  g.door.talk();
  EXPECT_EQ(g.door.outcome(id).status, "0");
}

TEST(GrpcTokens, ATokenForSomeDomainsAsksForNoOthers) {
  Guarded g;
  const auto out = g.take({{"authorization", "Bearer tenant"}});
  EXPECT_EQ(out.status, "7");
  EXPECT_TRUE(out.message.starts_with("domain: the token is not for this domain")) << out.message;
  EXPECT_EQ(
      g.door.call(request_of({{{"user", "a"}}}, 0, "edge"), {{"authorization", "Bearer tenant"}}).status,
      "0");
  EXPECT_EQ(TestDoor::show(g.take({{"authorization", "Bearer take"}}).response()), "OK: OK 4/5");
}

// Streams of one connection may be of many clients, as a proxy's are; and each shows its own token.
TEST(GrpcTokens, EachStreamShowsItsOwn) {
  Guarded g;
  const auto body = framed(request_of({{{"user", "a"}}}).SerializeAsString());
  std::vector<std::pair<std::int32_t, const char*>> calls;
  for (int i = 0; i < 2; ++i) {
    calls.emplace_back(g.door.begin(kShouldRateLimit, body, {{"authorization", "Bearer take"}}), "0");
    calls.emplace_back(g.door.begin(kShouldRateLimit, body), "16");
    calls.emplace_back(g.door.begin(kShouldRateLimit, body, {{"authorization", "Bearer inspect"}}), "7");
    calls.emplace_back(g.door.begin(kShouldRateLimit, body, {{"authorization", "Bearer tenant"}}), "7");
  }
  g.door.talk();
  for (const auto& [id, status] : calls) EXPECT_EQ(g.door.outcome(id).status, status);
}

// A stream shows its token once; what it asks later is answered by the tokens of then.
TEST(GrpcTokens, AWithdrawnTokenEndsItsStream) {
  Guarded g;
  const std::string path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const std::string list("\x3a\0", 2);  // list_services: ""
  const auto watch = g.door.begin(path, framed(list), {{"authorization", "Bearer inspect"}}, false);
  const auto proxy = g.door.begin(path, framed(list), {{"authorization", "Bearer take"}}, false);
  const auto health =
      g.door.begin("/grpc.health.v1.Health/Watch", framed(""), {{"authorization", "Bearer take"}});
  g.door.talk();
  EXPECT_EQ(g.door.outcome(watch).status, "open");
  const auto told = g.door.outcome(watch).body.size();
  EXPECT_GT(told, 100u);
  g.current.replace(std::make_shared<const access::TokenSet>(
      std::vector<access::Token>{{"watch", access::sha256("inspect"), access::kInspect, nullptr}}));
  g.door.client.more(watch, framed(list), false);
  g.door.client.more(proxy, framed(list), false);
  g.door.talk();
  EXPECT_EQ(g.door.outcome(watch).status, "open");
  EXPECT_EQ(g.door.outcome(watch).body.size(), 2 * told);
  EXPECT_EQ(g.door.outcome(proxy).status, "16");
  EXPECT_EQ(g.door.outcome(proxy).message, "the server does not know this token; it may have been withdrawn");
  EXPECT_EQ(g.door.outcome(proxy).body.size(), told);
  EXPECT_EQ(g.door.outcome(health).status, "open");  // Health is open to all.
  EXPECT_EQ(g.denials.unauthenticated, 1u);
}

TEST(GrpcTokens, AChangeHoldsForTheNextCallOfAConnection) {
  Guarded g;
  EXPECT_EQ(g.take({{"authorization", "Bearer take"}}).status, "0");
  g.current.replace(std::make_shared<const access::TokenSet>());
  EXPECT_EQ(g.take({{"authorization", "Bearer take"}}).status, "16");
  g.current.replace(tokens());
  EXPECT_EQ(g.take({{"authorization", "Bearer take"}}).status, "0");
}

}  // namespace
}  // namespace sluice::door::grpc
