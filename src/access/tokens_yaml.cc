#include "access/tokens_yaml.h"

#include <algorithm>

namespace sluice::access {

namespace {

using policy::nearest;
using policy::Place;
using policy::Problem;
using policy::quoted;
using policy::YamlNode;

constexpr std::size_t kProblemsMax = 100;
constexpr std::size_t kScopeMax = 100;  // Names in one list.

class Reader {
 public:
  Reader(const std::string& file, std::vector<Problem>& problems) : file_(file), problems_(problems) {}

  std::vector<Token> document(const YamlNode& root) {
    std::vector<Token> tokens;
    if (root.kind != YamlNode::Kind::map) {
      problem(root.place, std::string("expected a map that begins with \"tokens:\", found ") +
                              root.kind_name() + "; write tokens: {} to let nobody in");
      return tokens;
    }
    bool found = false;
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
      const auto& [key, place] = root.keys[i];
      if (key == "tokens") {
        found = true;
        all(root.list[i], tokens);
      } else {
        problem(place,
                "unknown field " + quoted(key) + nearest(key, {"tokens"}) + "; the only one here is tokens");
      }
    }
    if (!found && root.keys.empty()) problem(root.place, "\"tokens:\" is missing");
    return tokens;
  }

 private:
  void problem(Place place, std::string message) { problems_.push_back({file_, place, std::move(message)}); }

  void all(const YamlNode& node, std::vector<Token>& tokens) {
    if (node.kind != YamlNode::Kind::map)
      return problem(node.place, std::string("tokens is a map from names to tokens, found ") +
                                     node.kind_name() + "; write tokens: {} to let nobody in");
    if (node.keys.size() > kTokensMax)
      return problem(node.place, std::to_string(node.keys.size()) + " tokens; at most " +
                                     std::to_string(kTokensMax) + " in a file");
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto& [key, place] = node.keys[i];
      if (auto wrong = name_problem(key); !wrong.empty()) problem(place, std::move(wrong));
      one(key, place, node.list[i], tokens);
    }
  }

  // What stands in place of a map may be the token itself: it is not shown.
  void one(const std::string& name, Place place, const YamlNode& node, std::vector<Token>& tokens) {
    if (node.kind != YamlNode::Kind::map)
      return problem(node.kind == YamlNode::Kind::null ? place : node.place,
                     "the token " + quoted(name) + " is a map, found " + node.kind_name() +
                         "; `sluice token new NAME --roles take` prints a line for this file");
    Token token{.name = name, .digest = {}, .roles = {}, .scope = nullptr};
    auto scope = std::make_shared<Scope>();
    bool has_digest = false, has_roles = false, scoped = false;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto& [field, at] = node.keys[i];
      const YamlNode& value = node.list[i];
      if (field == "sha256") {
        has_digest = true;
        digest(value, at, tokens, token.digest);
      } else if (field == "roles") {
        has_roles = true;
        roles(value, at, token.roles);
      } else if (field == "limits" || field == "domains") {
        scoped = true;
        names(field, value, at, [&](std::string_view text) {
          field == "limits" ? scope->add_limit(text) : scope->add_domain(text);
        });
      } else {
        problem(at, "unknown field " + quoted(field) +
                        nearest(field, {"sha256", "roles", "limits", "domains"}) +
                        "; a token has sha256, roles, limits and domains");
      }
    }
    if (!has_digest)
      problem(place, "the token " + quoted(name) +
                         " has no sha256; `sluice token new NAME --roles take` prints a line with it");
    if (!has_roles) problem(place, "the token " + quoted(name) + " has no roles; write roles: [take]");
    if (scoped) token.scope = std::move(scope);
    tokens.push_back(std::move(token));
  }

  void digest(const YamlNode& node, Place field, const std::vector<Token>& tokens, Digest& to) {
    const Place place = node.kind == YamlNode::Kind::null ? field : node.place;
    const auto read = node.kind == YamlNode::Kind::scalar ? digest_of(node.scalar) : std::nullopt;
    if (!read)
      return problem(place,
                     "sha256 is the SHA-256 of the token in 64 hexadecimal digits, never the token "
                     "itself; `printf %s TOKEN | sha256sum` prints it");
    to = *read;
    for (const Token& other : tokens)
      if (other.digest == to)
        problem(place, "this is the sha256 of " + quoted(other.name) + " as well; each has its own token");
  }

  void roles(const YamlNode& node, Place field, Roles& to) {
    names("roles", node, field, nullptr);
    if (node.kind != YamlNode::Kind::list) return;
    for (const YamlNode& item : node.list) {
      if (item.kind != YamlNode::Kind::scalar) continue;  // Told already.
      if (const auto role = role_of(item.scalar))
        to = to | *role;
      else
        problem(item.place, "there is no role " + quoted(item.scalar) + nearest(item.scalar, role_names()) +
                                "; there are take, inspect, change and admin");
    }
  }

  /// A list of texts, at least one. `add` may be empty.
  template <class Add>
  void names(std::string_view field, const YamlNode& node, Place at, Add add) {
    const std::string example =
        field == "roles" ? "roles: [take]" : std::string(field).append(": [one, \"others-*\"]");
    if (node.kind != YamlNode::Kind::list)
      return problem(
          node.kind == YamlNode::Kind::null ? at : node.place,
          std::string(field).append(" is a list, found ").append(node.kind_name()).append("; write ") +
              example);
    if (node.list.empty() || node.list.size() > kScopeMax)
      return problem(node.place, std::string(field).append(" has 1 to 100 members; write ") + example);
    for (const YamlNode& item : node.list) {
      if (item.kind != YamlNode::Kind::scalar || item.scalar.empty())
        problem(item.kind == YamlNode::Kind::null ? node.place : item.place,
                std::string(field).append(" holds texts; write ") + example);
      else if constexpr (!std::is_null_pointer_v<Add>)
        add(item.scalar);
    }
  }

  const std::string& file_;
  std::vector<Problem>& problems_;
};

}  // namespace

std::string name_problem(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto fits = [&](char c) { return letter(c) || c == '_' || c == '-' || c == '.'; };
  if (name.empty()) return "a token's name is empty; give it one";
  if (name.size() > kTokenNameMax)
    return "the name " + quoted(name) + " is longer than " + std::to_string(kTokenNameMax) + " bytes";
  if (!letter(name.front()) || !std::all_of(name.begin(), name.end(), fits))
    return "the name " + quoted(name) +
           " may hold letters, digits, \"_\", \"-\" and \".\", and begins with a letter or a digit";
  if (name == "default") return "\"default\" is the RESP door's own user; give the token another name";
  return "";
}

TokensReading read_tokens(std::string_view text, const std::string& file) {
  TokensReading reading;
  std::vector<Token> tokens;
  const YamlNode root = policy::read_yaml(text, file, reading.problems);
  if (root.kind != YamlNode::Kind::null || reading.problems.empty())
    tokens = Reader(file, reading.problems).document(root);
  policy::settle_problems(reading.problems, kProblemsMax);
  if (reading) reading.tokens = TokenSet(std::move(tokens));
  return reading;
}

bool is_tokens(std::string_view text) {
  return text.starts_with("tokens:") || text.find("\ntokens:") != std::string_view::npos;
}

}  // namespace sluice::access
