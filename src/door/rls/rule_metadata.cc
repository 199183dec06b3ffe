#include "door/rls/rule_metadata.h"

namespace sluice::door::rls {

namespace {

using google::protobuf::Value;
using policy::Metadata;

void put(const Metadata& from, Value& to) {
  switch (from.kind) {
    case Metadata::Kind::null:
      return to.set_null_value(google::protobuf::NULL_VALUE);
    case Metadata::Kind::boolean:
      return to.set_bool_value(from.boolean);
    case Metadata::Kind::number:
      return to.set_number_value(from.number);
    case Metadata::Kind::text:
      return to.set_string_value(from.text);
    case Metadata::Kind::list:
      static_cast<void>(to.mutable_list_value());  // Even if it is empty.
      for (const Metadata& item : from.list) put(item, *to.mutable_list_value()->add_values());
      return;
    case Metadata::Kind::map:
      return merge_metadata(from, *to.mutable_struct_value());
  }
}

}  // namespace

void merge_metadata(const Metadata& from, google::protobuf::Struct& into) {
  auto& fields = *into.mutable_fields();
  for (std::size_t i = 0; i < from.names.size(); ++i) {
    const auto found = fields.find(from.names[i]);
    if (found == fields.end())
      put(from.list[i], fields[from.names[i]]);
    else if (found->second.has_struct_value() && from.list[i].kind == Metadata::Kind::map)
      merge_metadata(from.list[i], *found->second.mutable_struct_value());
  }
}

}  // namespace sluice::door::rls
