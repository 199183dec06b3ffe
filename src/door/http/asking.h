// asking.h: from a request's body to asks in the batch, as all routes under the limits do it.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "door/http/answer.h"
#include "door/http/routes.h"

namespace sluice::door::http {

/// Web pages can make a browser ask here, in the name of its user and from inside the network. Browsers say
/// whose page it is, and of another site's nothing is done.
/// Not asked of /v1/auth, to which nginx hands on the fields of its own clients.
bool from_foreign_page(const wire::HttpRequest& request);

/// False: the call is answered, since it has no body or one that is not JSON by its own word.
bool has_json(Call& call);
/// Reads what is wished for into batch.wishes. False: the call is answered, by an error.
bool read_body(Call& call, std::uint16_t fields, bool& many);

/// The text, for as long as the batch lasts.
std::string_view keep(Call& call, const wire::JsonString& string);

/// Those in force; the same for a whole batch.
const NamedLimits& limits_of(Call& call);

/// A limit by its name, or why the call has none.
struct Sought {
  const NamedLimit* named = nullptr;
  const ItemProblem* problem = &kNoSuchLimit;  ///< If `named` is null.
};
Sought seek(Call& call, std::string_view name);
Sought seek(Call& call, const wire::JsonString& name);
/// True: the token is not for this domain, and the call is answered.
bool refuse_domain(Call& call, std::string_view domain);

struct Asked {
  Op op = Op::take;
  std::int64_t amount = 1;
  Duration max_wait{0};
  std::string_view id = {};  ///< Of a refund that is to be done once.
};
/// One item of the answer.
Item& ask(Call& call, const NamedLimit& named, std::string_view key, const Asked& asked);
/// An item that only says what is wrong.
void ask_nothing(Call& call, const ItemProblem& problem);

/// The last `items` items are this request's answer.
void answer_by(Call& call, Reply::Form form, std::size_t items);

/// The request's page is made elsewhere. `begin` gets a function that is to be called once, on this thread,
/// at once or later, and says whether it will be. Until then the batch stays, though the client be gone.
template <class Begin>
bool answer_later(Call& call, Begin&& begin) {
  HttpBatch& batch = call.batch;
  PageMade& page = batch.pages.emplace_back();
  ++batch.outstanding;
  const bool begun = begin([&batch, &page](PageMade made) {
    page = std::move(made);
    batch.came();
  });
  if (begun) {
    batch.replies.push_back({.form = Reply::Form::page,
                             .close = call.close(),
                             .head_only = call.head_only(),
                             .first = static_cast<std::uint32_t>(batch.pages.size() - 1)});
  } else {
    --batch.outstanding;
    batch.pages.pop_back();
  }
  return begun;
}

}  // namespace sluice::door::http
