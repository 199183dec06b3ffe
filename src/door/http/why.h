// why.h: the answer of GET /v1/why.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "door/http/answer.h"
#include "door/http/batch.h"
#include "observe/seen.h"

namespace sluice::door::http {

/// `chain`: the decisions of a peek for one token.
void append_why(const Item& item, std::string_view key, std::span<const Decision> chain,
                const Explaining& explaining, std::string& body);

}  // namespace sluice::door::http
