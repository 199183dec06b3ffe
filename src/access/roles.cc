#include "access/roles.h"

#include <utility>

namespace sluice::access {

namespace {

constexpr std::pair<std::string_view, Roles> kNames[] = {
    {"take", kTake}, {"inspect", kInspect}, {"change", kChange}, {"admin", kAdmin}};

}  // namespace

std::optional<Roles> role_of(std::string_view name) {
  for (const auto& [known, roles] : kNames)
    if (known == name) return roles;
  return {};
}

const std::vector<std::string_view>& role_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const auto& [name, roles] : kNames) all.push_back(name);
    return all;
  }();
  return names;
}

std::string roles_text(Roles roles, std::string_view last) {
  if (roles == kAdmin) return "admin";
  std::vector<std::string_view> names;
  for (const auto& [name, role] : kNames)
    if (role != kAdmin && roles.any_of(role)) names.push_back(name);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text.append(i == 0 ? "" : i + 1 == names.size() ? last : ", ").append(names[i]);
  return text;
}

}  // namespace sluice::access
