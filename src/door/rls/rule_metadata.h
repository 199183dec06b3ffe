// rule_metadata.h: the metadata of several rules as one, for dynamic_metadata.
#pragma once

#include <google/protobuf/struct.pb.h>

#include "policy/metadata.h"

namespace sluice::door::rls {

/// Adds what `into` does not have; maps that both have are merged likewise, so the first one's values stay.
/// REQUIRES: a map.
void merge_metadata(const policy::Metadata& from, google::protobuf::Struct& into);

}  // namespace sluice::door::rls
