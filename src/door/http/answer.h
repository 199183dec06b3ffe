// answer.h: decisions and problems as HTTP responses.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "door/http/batch.h"
#include "sluice/decision.h"

namespace sluice::door::http {

/// What is told beside a decision of where it comes from.
struct Explaining {
  bool on = false;           ///< In every answer. /v1/why tells it in any case.
  std::string_view version;  ///< Of the limits in force when the batch was read.
  bool shared = false;       ///< The store is one that others share.
};

/// One response, or, for Form::list, one that holds the answers to all `items`. `body` is a buffer that is
/// used again.
void write_reply(const Reply& reply, std::span<const Item> items, std::span<const Decision> decisions,
                 const Explaining& explaining, std::string& body, std::string& out);

/// Envoy's service in JSON: 200, or 429 where the request is over a limit. With the RateLimit fields of the
/// descriptor nearest to its limit, for proxies that read no JSON.
void write_rls(const rls::Requests& requests, std::span<const Decision> decisions, const Reply& reply,
               const RlsOptions& options, std::string& body, std::string& out);

void write_page(const PageMade& page, const Reply& reply, std::string& out);

struct Problem {
  int status = 400;
  std::string_view detail;  ///< Names the thing and the mend.
  std::string_view fields;  ///< Further lines of the head, each with CR LF.
  bool close = false;
  bool head_only = false;
};
inline constexpr std::string_view kOverloaded = "this server is overloaded";
inline constexpr std::string_view kRetryInASecond = "Retry-After: 1\r\n";
/// An RFC 9457 problem document as a response.
void write_problem(const Problem& problem, std::string& out);

}  // namespace sluice::door::http
