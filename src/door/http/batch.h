// batch.h: what one look into the input brought: asks for the store, and how each request is to be answered.
// Lent by the door to one session at a time, so idle connections hold none.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "door/batching.h"
#include "door/decision_counts.h"
#include "door/holds.h"
#include "door/http/http_door.h"
#include "door/http/named_limits.h"
#include "door/http/wish.h"
#include "door/rls/requests.h"
#include "store/store.h"

namespace sluice::door::http {

/// Why an item of a list asks for no decision.
struct ItemProblem {
  int status;
  std::string_view detail;  ///< Names the field and the mend.
};
inline constexpr ItemProblem kNoSuchLimit{
    404, "limit: no limit has this name; GET /v1/limits lists those that there are"};
inline constexpr ItemProblem kNotForToken{
    403, "limit: the token is not for this limit; its limits in the server's file of tokens say for which"};
inline constexpr ItemProblem kNoSuchHold{
    404, "hold: there is none of this id: it was settled, has expired or never was"};
inline constexpr ItemProblem kTooManyHolds{
    503, "as many holds are open as this server keeps (max_holds); settle some, or let them expire sooner"};

/// What one decision is asked for and where it stands. Of a list, one each.
struct Item {
  const ItemProblem* problem = &kNoSuchLimit;  ///< What to say if there is no `named`.
  const NamedLimit* named = nullptr;           ///< Null: nothing is asked.
  Op op = Op::take;
  std::uint32_t first = 0;  ///< Index of the first ask.
  std::uint32_t count = 0;
  std::optional<HoldId> hold = {};        ///< The hold that this opens.
  const std::string* refusals = nullptr;  ///< Of Form::why: JSON.
  std::string_view version = {};          ///< Of Form::why, of a rule of the policies.
  bool with_id = false;                   ///< A refund whose id is taken by one more ask, behind `count`.
};

/// One request's place in the responses.
struct Reply {
  enum class Form : std::uint8_t {
    text,  ///< Written already: `first` and `count` are bytes of HttpBatch::text.
    one,   ///< A decision in JSON, item `first`.
    list,  ///< {"results":[..]}: `count` items.
    why,   ///< A key's buckets in JSON, for people.
    auth,  ///< Fields alone, for nginx.
    rls,   ///< Envoy's service: `first` and `count` are items of HttpBatch::rls.
    page,  ///< Made elsewhere: HttpBatch::pages, `first`.
  };
  Form form = Form::text;
  bool close = false;
  bool head_only = false;  ///< Of Form::why and page.
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// A page that came while others were decided.
struct PageMade {
  int status = 200;
  std::string body;  ///< JSON; of an error its detail.
};

struct HttpBatch final : Batch<HttpBatch> {
  explicit HttpBatch(HttpDoor& owner)
      : Batch(owner.batches(), owner.options().tracer),
        holds(owner.holds()),
        options(owner.options().rls),
        counts(owner.decisions()),
        explains(owner.options().explain),
        shared(static_cast<bool>(owner.options().store_up)) {}

  /// What was written to `text` since it had `begin` bytes is the next response.
  void answered_in_text(std::size_t begin);
  /// Appends all responses to `out`, in order, and counts the decisions.
  void write(std::string& out);
  /// Ready for another use.
  void clear();

  std::vector<Item> items;
  std::vector<Reply> replies;
  std::string text;
  std::deque<std::string> kept;               ///< Keys that are no views into the input.
  std::deque<NamedLimit> rules;               ///< Of policies, that are asked for by name.
  std::deque<PageMade> pages;                 ///< Stay where they are.
  std::vector<Wish> wishes;                   ///< Of the request that is being read.
  std::string body;                           ///< Of the response that is being written.
  std::shared_ptr<const NamedLimits> limits;  ///< Keeps the limits of `asks` alive across a reload.
  rls::Requests rls;
  Holds& holds;
  const RlsOptions& options;
  DecisionCounts counts;
  const bool explains;  ///< Each decision names its version and store.
  const bool shared;    ///< The store is one that others share.

 private:
  policy::Verdict verdict_of(const Item& item) const;
  void settle_place(Item& item);
  void count(const Item& item);
  void trace(const Reply& reply);
};

}  // namespace sluice::door::http
