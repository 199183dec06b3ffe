// Tokens as users: AUTH name token, and what each may.
#include <gtest/gtest.h>

#include "access/testing.h"
#include "door/resp/command.h"
#include "door/resp/testing.h"

namespace sluice::door {
namespace {

constexpr std::string_view kNoAuth = "(error) NOAUTH Authentication required.";
constexpr std::string_view kWrong = "(error) WRONGPASS invalid username-password pair or user is disabled.";

struct Guarded {
  explicit Guarded(std::string password = {})
      : door({.password = std::move(password), .tokens = &current, .denials = &denials},
             {test_limit("api", {"10/h"}), test_limit("other", {"10/h"})}) {}

  std::string ask(std::string_view line) { return door.ask(line); }

  access::CurrentTokens current{access::test_tokens()};
  access::Denials denials;
  TestDoor door;
};

TEST(RespTokens, LetInByNameAndTokenOrTokenAlone) {
  Guarded g;
  EXPECT_EQ(g.ask("PING"), kNoAuth);
  EXPECT_EQ(g.ask("AUTH shop inspect"), kWrong);
  EXPECT_EQ(g.ask("AUTH default take"), kWrong);
  EXPECT_EQ(g.ask("AUTH default x"), kWrong);
  EXPECT_EQ(g.ask("AUTH \"\" take"), kWrong);
  EXPECT_EQ(g.ask("AUTH nobody"), kWrong);
  EXPECT_EQ(g.ask("PING"), kNoAuth);
  EXPECT_EQ(g.denials.unauthenticated, 7u);
  EXPECT_EQ(g.ask("AUTH shop take"), "OK");
  EXPECT_EQ(g.ask("PING"), "PONG");
  EXPECT_NE(g.ask("CLIENT INFO").find("user=shop"), std::string::npos);
  EXPECT_EQ(g.ask("RESET"), "RESET");
  EXPECT_EQ(g.ask("PING"), kNoAuth);
  EXPECT_EQ(g.ask("AUTH take"), "OK");
  g.door.reconnect();
  EXPECT_EQ(g.ask("HELLO 3 AUTH shop wrong"), kWrong);
  EXPECT_EQ(g.ask("HELLO 3 AUTH shop take").substr(0, 9), "{\"server\"");
  EXPECT_EQ(g.ask("PING"), "PONG");
}

TEST(RespTokens, ThePasswordsUserMayAll) {
  Guarded g("s3cret");
  EXPECT_EQ(g.ask("AUTH s3cret"), "OK");
  EXPECT_EQ(g.ask("SLUICE.RESET api k").substr(0, 1), "[");
  EXPECT_EQ(g.ask("AUTH shop take"), "OK");
  EXPECT_EQ(g.ask("SLUICE.RESET api k").substr(0, 15), "(error) NOPERM ");
  EXPECT_EQ(g.ask("AUTH shop s3cret"), kWrong);
  EXPECT_EQ(g.ask("AUTH default s3cret"), "OK");
  EXPECT_EQ(g.ask("SLUICE.RESET api k").substr(0, 1), "[");
}

TEST(RespTokens, EachCommandAsksForItsRole) {
  const std::pair<std::string_view, access::Roles> users[] = {{"take", access::kTake},
                                                              {"inspect", access::kInspect},
                                                              {"change", access::kChange},
                                                              {"admin", access::kAdmin}};
  const std::pair<std::string, access::Roles> all[] = {
      {"CL.THROTTLE k 1 1 1", access::kTake},
      {"GCRA k 1 1 1", access::kTake},
      {"SLUICE.TAKE api k", access::kTake},
      {"SLUICE.TAKEUPTO api k 1", access::kTake},
      {"SLUICE.RESERVE api k 1", access::kTake},
      {"SLUICE.REFUND api k", access::kTake},
      {"SLUICE.PEEK api k", access::kTake | access::kInspect},
      {"SLUICE.RESET api k", access::kChange},
      {"SLUICE.LIMITS", access::kInspect},
      {"INFO", access::kAdmin},
      {"COMMAND COUNT", access::kAdmin},
      {"CLIENT ID", access::kAdmin},
      {"CONFIG GET save", access::kAdmin},
      {"ECHO x", access::kAdmin},
      {"SELECT 0", access::kAdmin},
  };
  for (const auto& [token, roles] : users) {
    Guarded g;
    ASSERT_EQ(g.ask(std::string("AUTH ").append(token)), "OK");
    for (const auto& [line, needed] : all) {
      const bool refused = g.ask(line).starts_with("(error) NOPERM");
      EXPECT_EQ(!refused, roles.any_of(needed)) << line << " " << token;
    }
  }
  // Whoever adds a command says what it needs.
  for (const Command& command : commands()) {
    const bool about_limits = command.group == "rate_limit";
    EXPECT_EQ(need_of(command) == access::kAnyToken, !about_limits) << command.name;
  }
}

TEST(RespTokens, SaysWhatIsNeeded) {
  Guarded g;
  EXPECT_EQ(g.ask("AUTH shop take"), "OK");
  EXPECT_EQ(g.ask("sluice.reset api k"),
            "(error) NOPERM User shop has no permissions to run the 'sluice.reset' command: the token "
            "\"shop\" lacks the "
            "role change; it has take");
  EXPECT_EQ(g.denials.forbidden, 1u);
}

TEST(RespTokens, ATokenForSomeLimitsAsksForNoOthers) {
  Guarded g;
  EXPECT_EQ(g.ask("AUTH tenant tenant"), "OK");
  EXPECT_EQ(g.ask("SLUICE.TAKE api k").substr(0, 3), "[1 ");
  for (const char* command : {"SLUICE.TAKE", "SLUICE.PEEK", "SLUICE.REFUND"})
    for (const std::string limit : {"other", "nowhere"})
      EXPECT_EQ(g.ask(command + (" " + limit) + " k"),
                "(error) NOPERM User tenant has no permissions to access the limit '" + limit + "'");
  EXPECT_EQ(g.ask("CL.THROTTLE k 1 1 1"),
            "(error) NOPERM User tenant has no permissions to access the limit '#throttle'");
  EXPECT_EQ(g.ask("GCRA k 1 1 1"),
            "(error) NOPERM User tenant has no permissions to access the limit '#throttle'");
  EXPECT_EQ(g.ask("SLUICE.LIMITS").substr(0, 15), "(error) NOPERM ");
}

TEST(RespTokens, AWithdrawnTokenEndsWhatItLetIn) {
  Guarded g;
  EXPECT_EQ(g.ask("AUTH shop take"), "OK");
  EXPECT_EQ(g.ask("SLUICE.TAKE api k").substr(0, 3), "[1 ");
  g.current.replace(std::make_shared<const access::TokenSet>(
      std::vector<access::Token>{{"renamed", access::sha256("take"), access::kInspect, nullptr}}));
  EXPECT_EQ(g.ask("SLUICE.TAKE api k").substr(0, 52), "(error) NOPERM User renamed has no permissions to ru");
  EXPECT_EQ(g.ask("SLUICE.LIMITS").substr(0, 1), "[");
  g.current.replace(std::make_shared<const access::TokenSet>());
  EXPECT_EQ(g.ask("SLUICE.LIMITS"), kNoAuth);
}

}  // namespace
}  // namespace sluice::door
