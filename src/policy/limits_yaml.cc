#include "policy/limits_yaml.h"

#include <algorithm>
#include <cctype>

#include "policy/store_rules.h"

namespace sluice::policy {

namespace {

constexpr std::size_t kUnitMax = 32;

class Reader {
 public:
  Reader(const std::string& file, std::vector<Problem>& problems, store::QuotaCheck accepts)
      : file_(file), problems_(problems), accepts_(accepts) {}

  std::vector<Limit> document(const YamlNode& root) {
    std::vector<Limit> limits;
    if (root.kind != YamlNode::Kind::map) {
      problem(root.place, std::string("expected a map that begins with \"limits:\" (a policy with "
                                      "\"domain:\"), found ") +
                              root.kind_name() + "; write limits: {} to have none");
      return limits;
    }
    bool found = false;
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
      const auto& [key, place] = root.keys[i];
      if (key == "limits") {
        found = true;
        all(root.list[i], limits);
      } else {
        problem(place,
                "unknown field " + quoted(key) + nearest(key, {"limits"}) + "; the only one here is limits");
      }
    }
    if (!found && root.keys.empty()) problem(root.place, "\"limits:\" is missing");
    return limits;
  }

 private:
  void problem(Place place, std::string message) { problems_.push_back({file_, place, std::move(message)}); }

  void all(const YamlNode& node, std::vector<Limit>& limits) {
    if (node.kind != YamlNode::Kind::map)
      return problem(node.place, std::string("limits is a map from names to limits, found ") +
                                     node.kind_name() + "; write limits: {} to have none");
    if (node.keys.size() > kLimitsMax)
      return problem(node.place, std::to_string(node.keys.size()) + " limits; at most " +
                                     std::to_string(kLimitsMax) + " in a file");
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto& [key, place] = node.keys[i];
      name(key, place);
      one(key, place, node.list[i], limits);
    }
  }

  void name(const std::string& text, Place place) {
    const auto letter = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 && (c & 0x80) == 0;
    };
    const auto fits = [&](char c) { return letter(c) || c == '_' || c == '-' || c == '.'; };
    if (text.empty()) return problem(place, "a limit's name is empty; give it one");
    if (text.size() > kLimitNameMax)
      return problem(
          place, "the name " + quoted(text) + " is longer than " + std::to_string(kLimitNameMax) + " bytes");
    if (!letter(text.front()) || !std::all_of(text.begin(), text.end(), fits))
      problem(place,
              "the name " + quoted(text) +
                  " may hold letters, digits, \"_\", \"-\" and \".\", and begins with a letter or a digit");
  }

  void one(const std::string& key, Place place, const YamlNode& node, std::vector<Limit>& limits) {
    if (node.kind != YamlNode::Kind::map)
      return problem(node.kind == YamlNode::Kind::null ? place : node.place,
                     "the limit " + quoted(key) + " is a map, found " + node.kind_name() + "; write " + key +
                         ": {quota: 10/s}");
    std::vector<Quota> quotas;
    std::string unit = "requests";
    Mode mode = Mode::enforce;
    store::OnFailure on_failure = store::OnFailure::local;
    store::Consistency consistency = store::Consistency::strict;
    bool has_quota = false;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto& [field, at] = node.keys[i];
      const YamlNode& value = node.list[i];
      if (field == "quota" || field == "quotas") {
        if (has_quota) problem(at, quoted(key) + " has both quota and quotas; keep one");
        has_quota = true;
        field == "quota" ? quota(value, at, quotas) : quota_list(value, at, quotas);
      } else if (field == "on") {
        on(value, at, unit);
      } else if (field == "mode") {
        read_mode(value, at, mode);
      } else if (field == "on_store_failure") {
        read_on_failure(value, on_failure, [&](std::string text) { problem(at, std::move(text)); });
      } else if (field == "consistency") {
        const Place place_of_value = value.kind == YamlNode::Kind::null ? at : value.place;
        read_consistency(value, consistency,
                         [&](std::string text) { problem(place_of_value, std::move(text)); });
      } else {
        const auto hint =
            nearest(field, {"quota", "quotas", "on", "mode", "on_store_failure", "consistency"});
        has_quota |= hint.find("quota") != std::string::npos;  // One fault, one problem.
        problem(at, "unknown field " + quoted(field) + hint +
                        "; a limit has quota or quotas, on, mode, on_store_failure and consistency");
      }
    }
    if (!has_quota) problem(place, "the limit " + quoted(key) + " has no quota; write quota: 10/s");
    if (quotas.empty()) return;
    Limit& limit = limits.emplace_back(key, std::move(quotas), on_failure, consistency);
    limit.unit = std::move(unit);
    limit.mode = mode;
  }

  bool scalar(const YamlNode& node, Place field, std::string_view what, std::string_view example) {
    if (node.kind == YamlNode::Kind::scalar) return true;
    problem(node.kind == YamlNode::Kind::null ? field : node.place,
            std::string(what) + " is a single value, found " + node.kind_name() + "; write " +
                std::string(example));
    return false;
  }

  void quota(const YamlNode& node, Place field, std::vector<Quota>& quotas) {
    if (node.kind == YamlNode::Kind::list)
      return problem(node.place, "quota is a single value, found a list; write quotas: for several");
    if (!scalar(node, field, "quota", "quota: 10/s burst 50")) return;
    auto parsed = Quota::parse(node.scalar);
    if (!parsed) return problem(node.place, parsed.error().message);
    if (accepts_ != nullptr)
      if (const Status status = accepts_(*parsed); !status)
        return problem(node.place, status.error().message);
    quotas.push_back(*parsed);
  }

  void quota_list(const YamlNode& node, Place field, std::vector<Quota>& quotas) {
    if (node.kind != YamlNode::Kind::list)
      return problem(
          node.kind == YamlNode::Kind::null ? field : node.place,
          std::string("quotas is a list, found ") + node.kind_name() + "; write quotas: [100/s, 5000/h]");
    if (node.list.empty()) return problem(node.place, "quotas is empty; write quotas: [100/s, 5000/h]");
    if (node.list.size() > kQuotasMax)
      return problem(node.place, std::to_string(node.list.size()) + " quotas; at most " +
                                     std::to_string(kQuotasMax) + " in a limit");
    for (const YamlNode& item : node.list) quota(item, item.place, quotas);
  }

  void on(const YamlNode& node, Place field, std::string& unit) {
    if (!scalar(node, field, "on", "on: bytes")) return;
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '-'; };
    if (node.scalar.empty() || node.scalar.size() > kUnitMax ||
        !std::all_of(node.scalar.begin(), node.scalar.end(), fits))
      return problem(node.place, "on is a word in lower case, at most " + std::to_string(kUnitMax) +
                                     " bytes, such as requests or bytes, not " + quoted(node.scalar));
    unit = node.scalar;
  }

  void read_mode(const YamlNode& node, Place field, Mode& mode) {
    if (!scalar(node, field, "mode", "mode: shadow")) return;
    if (node.scalar == "shadow") {
      mode = Mode::shadow;
    } else if (node.scalar != "enforce") {
      problem(node.place, "mode is enforce or shadow, not " + quoted(node.scalar) +
                              nearest(node.scalar, {"enforce", "shadow"}));
    }
  }

  const std::string& file_;
  std::vector<Problem>& problems_;
  const store::QuotaCheck accepts_;
};

LimitsReading settle(std::vector<Limit> limits, std::vector<Problem> problems) {
  settle_problems(problems, kProblemsMax);
  LimitsReading reading;
  if (problems.empty()) reading.limits = LimitSet(std::move(limits));
  reading.problems = std::move(problems);
  return reading;
}

}  // namespace

std::string LimitsReading::problems_text() const { return policy::problems_text(problems); }

LimitsReading read_limits(std::string_view text, const std::string& file, store::QuotaCheck accepts) {
  std::vector<Problem> problems;
  const YamlNode root = read_yaml(text, file, problems);
  if (root.kind == YamlNode::Kind::null && !problems.empty()) return settle({}, std::move(problems));
  auto limits = Reader(file, problems, accepts).document(root);
  return settle(std::move(limits), std::move(problems));
}

LimitsReading read_limits_file(const std::string& path) {
  auto text = read_small_file(path);
  if (!text) return settle({}, {{path, {}, text.error().message}});
  return read_limits(*text, path);
}

}  // namespace sluice::policy
