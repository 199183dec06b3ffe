#include <gtest/gtest.h>

#include <set>

#include "access/gate.h"
#include "access/tokens.h"

namespace sluice::access {
namespace {

Token token(std::string name, std::string_view secret, Roles roles, std::shared_ptr<const Scope> scope = {}) {
  return {std::move(name), sha256(secret), roles, std::move(scope)};
}

std::shared_ptr<const TokenSet> set(std::vector<Token> tokens) {
  return std::make_shared<const TokenSet>(std::move(tokens));
}

// FIPS 180-4's own example, and no text at all.
TEST(Sha256, IsSha256) {
  EXPECT_EQ(hex_of(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of(hex_of(sha256("abc"))), sha256("abc"));
  EXPECT_EQ(digest_of("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), sha256("abc"));
  EXPECT_FALSE(digest_of("abc"));
  EXPECT_FALSE(digest_of(std::string(63, '0') + "g"));
}

TEST(MakeToken, IsLongAndNeverTheSame) {
  std::set<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    const auto made = make_token();
    ASSERT_TRUE(made);
    EXPECT_EQ(made->size(), 47u);
    EXPECT_TRUE(made->starts_with("slt_"));
    EXPECT_EQ(made->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    all.insert(*made);
  }
  EXPECT_EQ(all.size(), 1000u);
}

TEST(Roles, AreNamed) {
  EXPECT_EQ(roles_text(kTake | kInspect | kChange), "take, inspect, change");
  EXPECT_EQ(roles_text(kTake | kInspect, " or "), "take or inspect");
  EXPECT_EQ(roles_text(kAdmin), "admin");
  for (const auto name : role_names()) EXPECT_EQ(roles_text(*role_of(name)), name);
  EXPECT_FALSE(role_of("root"));
  EXPECT_TRUE(kAdmin.any_of(kChange));
  EXPECT_FALSE(kTake.any_of(kChange | kInspect));
}

TEST(Scope, HasNamesAndPatterns) {
  Scope scope;
  scope.add_limit("api");
  scope.add_limit("upload-*");
  EXPECT_TRUE(scope.has_limit("api"));
  EXPECT_TRUE(scope.has_limit("upload-eu"));
  EXPECT_FALSE(scope.has_limit("api2"));
  EXPECT_FALSE(scope.has_limit("#throttle"));
  EXPECT_FALSE(scope.has_domain("api"));
}

std::string said(Gate& gate, std::string_view authorization, const Need& need) {
  gate.come(authorization);
  const auto denied = gate.refuses(need);
  return denied ? (denied->known ? "403 " : "401 ") + denied->message : "in";
}

TEST(Gate, LetsInWhoHasTheRole) {
  CurrentTokens current(set({token("shop", "s3cret", kTake), token("ops", "0ps", kAdmin)}));
  TokensView view(current);
  Denials denials;
  Gate gate(&view, &denials);
  EXPECT_TRUE(gate.on());
  EXPECT_EQ(said(gate, "Bearer s3cret", kToTake), "in");
  EXPECT_EQ(said(gate, "bEARER  s3cret", kToLook), "in");
  EXPECT_EQ(said(gate, "Bearer 0ps", kToChange), "in");
  EXPECT_EQ(said(gate, "Bearer 0ps", kToInspect), "in");
  EXPECT_EQ(said(gate, "Bearer s3cret", kAnyToken), "in");
  EXPECT_EQ(said(gate, "", kOpen), "in");
  EXPECT_EQ(said(gate, "Bearer wrong", kOpen), "in");
  EXPECT_EQ(denials.unauthenticated, 0u);
  EXPECT_EQ(denials.forbidden, 0u);
}

TEST(Gate, SaysWhyNot) {
  CurrentTokens current(set({token("shop", "s3cret", kTake | kInspect, std::make_shared<Scope>())}));
  TokensView view(current);
  Denials denials;
  Gate gate(&view, &denials);
  const std::string unknown = "401 the server does not know this token; it may have been withdrawn";
  EXPECT_EQ(said(gate, "", kToTake), "401 this server asks for a token; send Authorization: Bearer TOKEN");
  EXPECT_EQ(said(gate, "Bearer s3cret2", kToTake), unknown);
  EXPECT_EQ(said(gate, "Bearer s3cre", kToTake), unknown);
  EXPECT_EQ(said(gate, "Bearer " + std::string(100'000, 'x'), kToTake), unknown);
  for (const char* malformed :
       {"Bearer", "Bearer ", "s3cret", "Basic s3cret", "Bearer s3cret s3cret", "Bearers3cret"})
    EXPECT_EQ(said(gate, malformed, kToTake), "401 Authorization is \"Bearer\", a space and one token")
        << malformed;
  EXPECT_EQ(denials.unauthenticated, 10u);
  EXPECT_EQ(said(gate, "Bearer s3cret", kToChange),
            "403 the token \"shop\" lacks the role change; it has take and inspect");
  EXPECT_EQ(
      said(gate, "Bearer s3cret", kToInspect),
      "403 the token \"shop\" is for some limits or domains alone, and this is about the server as a whole");
  EXPECT_EQ(denials.forbidden, 2u);
}

// What was remembered of the one token must hold for no other, and not beyond a change of the tokens.
TEST(Gate, RemembersTheTokenButNotBeyondTheSet) {
  CurrentTokens current(set({token("a", "one", kTake), token("b", "two", kInspect)}));
  TokensView view(current);
  Gate gate(&view);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(said(gate, "Bearer one", kToTake), "in");
    EXPECT_EQ(said(gate, "Bearer one", kToExplain).substr(0, 3), "403");
    EXPECT_EQ(said(gate, "Bearer two", kToExplain), "in");
    EXPECT_EQ(said(gate, "", kToTake).substr(0, 3), "401");
    EXPECT_EQ(said(gate, "Bearer two", kToTake).substr(0, 3), "403");
    EXPECT_EQ(said(gate, "Bearer tw0", kToTake).substr(0, 3), "401");
    EXPECT_EQ(said(gate, "Bearer tw0", kToTake).substr(0, 3), "401");
    EXPECT_EQ(said(gate, "Basic two", kToExplain).substr(0, 3), "401");
  }
  EXPECT_EQ(said(gate, "Bearer one", kToTake), "in");
  current.replace(set({token("b", "two", kTake)}));
  EXPECT_EQ(said(gate, "Bearer one", kToTake).substr(0, 3), "401");
  EXPECT_EQ(said(gate, "Bearer two", kToTake), "in");
  EXPECT_EQ(gate.scope(), nullptr);
  current.replace(set({}));
  EXPECT_EQ(said(gate, "Bearer two", kToTake).substr(0, 3), "401");
}

TEST(Gate, RemembersEveryByteOfIt) {
  for (std::size_t size = 1; size <= 19; ++size) {
    const std::string secret = std::string("qwertyuiopasdfghjkl").substr(0, size);
    CurrentTokens current(set({token("a", secret, kTake)}));
    TokensView view(current);
    Gate gate(&view);
    for (std::size_t i = 0; i < size; ++i)
      for (const int bit : {1, 0x40}) {
        std::string other = secret;
        other[i] = static_cast<char>(other[i] ^ bit);
        EXPECT_EQ(said(gate, "Bearer " + secret, kToTake), "in");
        EXPECT_EQ(said(gate, "Bearer " + other, kToTake).substr(0, 3), "401") << other;
      }
  }
}

// A stream is let in once, and goes on for hours.
TEST(Gate, LooksAgainByTheTokensInForce) {
  CurrentTokens current(set({token("a", "one", kInspect), token("b", "two", kInspect)}));
  TokensView view(current);
  Gate gate(&view);
  const auto may = [&] {
    gate.look_again();
    return !gate.refuses(kToInspect);
  };
  EXPECT_FALSE(may());  // Nobody has come.
  EXPECT_EQ(said(gate, "Bearer one", kToInspect), "in");
  Gate other = gate;
  EXPECT_EQ(said(gate, "Bearer two", kToInspect), "in");
  EXPECT_TRUE(may());
  current.replace(set({token("renamed", "two", kInspect)}));
  EXPECT_TRUE(may());
  other.look_again();
  EXPECT_TRUE(other.refuses(kToInspect));  // Each goes by its own.
  current.replace(set({token("b", "two", kTake)}));
  EXPECT_FALSE(may());
  current.replace(set({token("b", "two", kInspect, std::make_shared<Scope>())}));
  EXPECT_FALSE(may());
  current.replace(set({token("b", "two", kAdmin)}));
  EXPECT_TRUE(may());
  current.replace(set({}));
  EXPECT_FALSE(may());
  current.replace(set({token("b", "two", kAdmin)}));
  EXPECT_FALSE(may());  // Who is out shows it anew.
}

TEST(Gate, WithoutTokensAllIsOpen) {
  Gate gate(nullptr);
  EXPECT_FALSE(gate.on());
  EXPECT_FALSE(gate.refuses(kToChange));
  EXPECT_EQ(gate.scope(), nullptr);
}

}  // namespace
}  // namespace sluice::access
