#include "access/tokens_yaml.h"

#include <gtest/gtest.h>

namespace sluice::access {
namespace {

std::string line(std::string_view secret) { return hex_of(sha256(secret)); }

std::string said(std::string_view text) { return policy::problems_text(read_tokens(text, "t").problems); }

TEST(TokensYaml, ReadsNamesRolesAndScopes) {
  const auto reading = read_tokens(
      "tokens:\n  shop: {sha256: " + line("a") +
          ", roles: [take, inspect], limits: [api, \"up*\"]}\n  ops: {roles: [admin], sha256: " + line("b") +
          "}\n",
      "t");
  ASSERT_TRUE(reading) << policy::problems_text(reading.problems);
  ASSERT_EQ(reading.tokens.all().size(), 2u);
  const Token* const shop = reading.tokens.find("a");
  ASSERT_NE(shop, nullptr);
  EXPECT_EQ(shop->name, "shop");
  EXPECT_EQ(shop->roles, kTake | kInspect);
  EXPECT_TRUE(shop->scope->has_limit("upload"));
  EXPECT_FALSE(shop->scope->has_domain("shop"));
  EXPECT_EQ(reading.tokens.find("b")->roles, kAdmin);
  EXPECT_EQ(reading.tokens.find("b")->scope, nullptr);
  EXPECT_EQ(reading.tokens.find("c"), nullptr);
  EXPECT_EQ(reading.tokens.find(""), nullptr);
  EXPECT_TRUE(read_tokens("tokens: {}", "t"));
}

TEST(TokensYaml, EveryRefusalNamesPlaceFaultAndMend) {
  const std::string good = "sha256: " + line("a");
  const std::string mend = "`sluice token new NAME --roles take` prints a line";
  EXPECT_EQ(
      said(""),
      "t: expected a map that begins with \"tokens:\", found nothing; write tokens: {} to let nobody in");
  EXPECT_EQ(said("token: {}"),
            "t:1:1: unknown field \"token\" (did you mean \"tokens\"?); the only one here is tokens");
  EXPECT_EQ(said("tokens: [a]"),
            "t:1:9: tokens is a map from names to tokens, found a list; write tokens: {} to let nobody in");
  EXPECT_EQ(
      said("tokens:\n  a: {}"),
      "t:2:3: the token \"a\" has no roles; write roles: [take]\nt:2:3: the token \"a\" has no sha256; " +
          mend + " with it");
  EXPECT_EQ(said("tokens:\n  a: {roles: [take], sha: x, " + good + "}").substr(0, 24),
            "t:2:22: unknown field \"s");
  EXPECT_EQ(said("tokens:\n  a:\n    " + good + "\n    roles: take\n"),
            "t:4:12: roles is a list, found a single value; write roles: [take]");
  EXPECT_EQ(
      said("tokens:\n  a:\n    " + good + "\n    roles: [tak]\n"),
      "t:4:13: there is no role \"tak\" (did you mean \"take\"?); there are take, inspect, change and admin");
  EXPECT_EQ(said("tokens:\n  a:\n    " + good + "\n    roles: []\n"),
            "t:4:12: roles has 1 to 100 members; write roles: [take]");
  EXPECT_EQ(said("tokens:\n  a:\n    " + good + "\n    roles: [take]\n    limits: [[x]]\n"),
            "t:5:14: limits holds texts; write limits: [one, \"others-*\"]");
  EXPECT_EQ(said("tokens:\n  default: {roles: [take], " + good + "}"),
            "t:2:3: \"default\" is the RESP door's own user; give the token another name");
  EXPECT_EQ(said("tokens:\n  a b: {roles: [take], " + good + "}"),
            "t:2:3: the name \"a b\" may hold letters, digits, \"_\", \"-\" and \".\", and begins with a "
            "letter or a digit");
  EXPECT_EQ(said("tokens:\n  a: {roles: [take], " + good + "}\n  b: {roles: [take], " + good + "}\n"),
            "t:3:30: this is the sha256 of \"a\" as well; each has its own token");
}

// People put the token where its hash belongs: the message must not carry it into the log.
TEST(TokensYaml, NoMessageShowsASecret) {
  for (const char* text :
       {"tokens:\n  a: {sha256: slt_hidden, roles: [take]}\n", "tokens:\n  a: slt_hidden\n",
        "tokens:\n  a: {sha256: [slt_hidden], roles: [take]}\n", "tokens: slt_hidden\n", "slt_hidden",
        "tokens:\n  a: {sha256: slt_hidden: x, roles: [take]}\n", "tokens:\n  a: {sha256: \"slt_hidden}\n"}) {
    EXPECT_NE(said(text), "") << text;
    EXPECT_EQ(said(text).find("hidden"), std::string::npos) << said(text);
  }
  EXPECT_EQ(said("tokens:\n  a: {sha256: slt_hidden, roles: [take]}\n"),
            "t:2:15: sha256 is the SHA-256 of the token in 64 hexadecimal digits, never the token itself; "
            "`printf %s TOKEN | "
            "sha256sum` prints it");
}

TEST(TokensYaml, ABadFileHoldsNoTokenAtAll) {
  const auto reading =
      read_tokens("tokens:\n  a: {roles: [take], sha256: " + line("a") + "}\n  b: {}\n", "t");
  EXPECT_FALSE(reading);
  EXPECT_EQ(reading.tokens.find("a"), nullptr);
}

TEST(TokensYaml, AFileIsBounded) {
  std::string many = "tokens:\n";
  for (std::size_t i = 0; i < kTokensMax; ++i) {
    const auto n = std::to_string(i);
    many.append("  t").append(n).append(": {roles: [take], sha256: ").append(line(n)).append("}\n");
  }
  EXPECT_TRUE(read_tokens(many, "t"));
  EXPECT_EQ(said(many + "  more: {roles: [take], sha256: " + line("more") + "}\n"),
            "t:2:3: 1001 tokens; at most 1000 in a file");
}

TEST(TokensYaml, IsKnownFromOtherFiles) {
  EXPECT_TRUE(is_tokens("# who may ask\ntokens:\n"));
  EXPECT_FALSE(is_tokens("limits:\n  tokens: {quota: 1/s}\n"));
  EXPECT_FALSE(is_tokens("domain: x\n"));
}

}  // namespace
}  // namespace sluice::access
