// why.h: the answer of GET /v1/why.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "door/http/batch.h"
#include "observe/seen.h"

namespace sluice::door::http {

/// `chain`: the decisions of a peek for one token. `shared`: the store is one that others share.
void append_why(const Item& item, std::string_view key, std::span<const Decision> chain, bool shared,
                std::string& body);

}  // namespace sluice::door::http
