// rate_limit_yaml.h: the reader's words for one file of policies, and its part for rate_limit.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy_fields.h"
#include "policy/policy_yaml.h"
#include "policy/rule.h"
#include "policy/yaml.h"

namespace sluice::policy {

struct StoreDefaults {
  store::OnFailure on_failure = store::OnFailure::local;
  store::Consistency consistency = store::Consistency::strict;
  bool one_slot = false;
};

/// Of the descriptor that a rate_limit belongs to.
struct DescriptorFlags {
  bool shadow = false;
  bool quota_mode = false;
  bool detailed_metric = false;
  std::shared_ptr<const Metadata> metadata = {};
};

class FileReader {
 protected:
  FileReader(const std::string& file, PolicyReading& out, store::QuotaCheck accepts)
      : file_(file), out_(out), accepts_(accepts) {}

  const std::string& file() const { return file_; }
  void problem(Place place, std::string message) {
    out_.problems.push_back({file_, place, std::move(message)});
  }
  void warning(Place place, std::string message) {
    out_.warnings.push_back({file_, place, std::move(message)});
  }

  static const YamlNode* find(const YamlNode& map, std::string_view field);
  /// Unknown names, lists of what is no map and numbers with a point, anywhere below, as
  /// envoyproxy/ratelimit looks for them before all else.
  void check_names(const YamlNode& map);
  /// A known field that means nothing here.
  void misplaced(const std::string& field, Place place, Level level);

  std::string text(const YamlNode& node, std::string_view field);
  bool flag(const YamlNode& node, std::string_view field);
  /// A whole number from `min` to `max`, else a problem and `fallback`.
  std::int64_t number(const YamlNode& node, std::string_view field, std::int64_t min, std::int64_t max,
                      std::int64_t fallback);
  void values(const YamlNode& node, std::string_view field, ValueList& list);

  StoreDefaults store_defaults(const YamlNode& root);
  std::optional<Rule> rate_limit(const YamlNode& node, Place field, const DescriptorFlags& flags,
                                 const StoreDefaults& defaults);
  Rule lists_rule(const DescriptorFlags& flags, Place place) const;

 private:
  struct Written;  // The fields of a rate_limit, before they are put together.
  void read_field(const std::string& field, Place place, const YamlNode& value, Written& w, Rule& rule);
  void replaces(const YamlNode& node, Rule& rule);
  Result<Quota> accepted(Result<Quota> quota) const;
  void quota_list(const YamlNode& node, std::vector<Quota>& quotas);
  void read_unit(const YamlNode& node, Rule& rule, Written& w);
  void on_store_failure(const YamlNode& node, store::OnFailure& into);
  void hash_tag(const YamlNode& node, bool& one_slot);
  void consistency(const YamlNode& node, store::Consistency& into);
  void put_together(const Written& w, Rule& rule, Place place);
  void unlimited(const Written& w, Rule& rule);

  const std::string& file_;
  PolicyReading& out_;
  const store::QuotaCheck accepts_;
};

}  // namespace sluice::policy
