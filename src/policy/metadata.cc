#include "policy/metadata.h"

#include <charconv>
#include <cmath>

#include "policy/policy_fields.h"

namespace sluice::policy {

namespace {

void read_scalar(const YamlNode& node, Metadata& value) {
  value.kind = Metadata::Kind::text;
  value.text = node.scalar;
  if (const auto flag = as_bool(node)) {
    value.kind = Metadata::Kind::boolean;
    value.boolean = *flag;
  } else if (const auto whole = as_integer(node)) {
    value.kind = Metadata::Kind::number;
    value.number = static_cast<double>(*whole);
  } else if (looks_like_fraction(node)) {
    const char* begin = node.scalar.data();
    if (*begin == '+') ++begin;
    double number = 0;
    const auto read = std::from_chars(begin, node.scalar.data() + node.scalar.size(), number);
    if (read.ec != std::errc() || !std::isfinite(number))
      return;  // .inf, .nan, 1e999: JSON has no such number.
    value.kind = Metadata::Kind::number;
    value.number = number;
  }
}

}  // namespace

Metadata metadata_of(const YamlNode& node) {
  Metadata value;
  switch (node.kind) {
    case YamlNode::Kind::null:
      break;
    case YamlNode::Kind::scalar:
      read_scalar(node, value);
      break;
    case YamlNode::Kind::list:
    case YamlNode::Kind::map:
      value.kind = node.kind == YamlNode::Kind::list ? Metadata::Kind::list : Metadata::Kind::map;
      for (const YamlNode& item : node.list) value.list.push_back(metadata_of(item));
      for (const auto& [name, place] : node.keys) value.names.push_back(name);
      break;
  }
  return value;
}

}  // namespace sluice::policy
