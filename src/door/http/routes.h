// routes.h: the table of what can be asked for. openapi.json describes the same, and a test compares them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "access/gate.h"
#include "door/http/batch.h"
#include "door/http/session.h"
#include "wire/http_parser.h"
#include "wire/http_target.h"

namespace sluice::door::http {

/// One request on its way to its answer.
struct Call {
  HttpDoor& door;
  HttpSession& session;
  HttpBatch& batch;
  const wire::HttpRequest& request;
  std::string& out;  ///< For a whole response; or else the batch gets a Reply.
  Time now;
  access::Gate& gate;
  wire::HttpTarget target = {};
  enum class Then : std::uint8_t { go_on, close, listen };  ///< listen: to /v1/live.
  Then then = Then::go_on;

  bool close() const { return !request.keep_alive; }
  bool head_only() const { return request.method == "HEAD"; }
};

struct Route {
  std::string_view method;  ///< "GET" answers HEAD too.
  std::string_view path;
  void (*answer)(Call& call);
  access::Need need = access::kToInspect;  ///< Of a token, where there are tokens.
  bool asks = false;                       ///< For tokens: shed while the server is overloaded.
};

inline constexpr access::Need kToListen = access::kToInspect;  ///< To /v1/live, and to go on.

std::span<const Route> routes();

/// A line of the head of every 401.
inline constexpr std::string_view kAskForToken = "WWW-Authenticate: Bearer realm=\"sluice\"\r\n";

/// Finds the route and answers, be it by an error.
void answer_request(Call& call);
/// The same, for the batch's traces.
void answer_traced(Call& call);
/// A page as this request's response.
struct Page {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string_view body;
};
void show(Call& call, const Page& page);
/// A problem as this request's response.
void refuse(Call& call, int status, std::string_view detail, std::string_view fields = {});
inline void refuse(Call& call, const ItemProblem& problem) { refuse(call, problem.status, problem.detail); }

// The answers: limit_routes.cc,
void take(Call& call);
void peek(Call& call);
void refund(Call& call);
void reset(Call& call);
void reserve(Call& call);
void auth(Call& call);
// hold_routes.cc,
void hold(Call& call);
void settle(Call& call);
// rls_routes.cc,
void should_rate_limit(Call& call);
void policies(Call& call);
void healthcheck(Call& call);
// explain_route.cc,
void explain(Call& call);
// live_route.cc,
void live(Call& call);
// policies_route.cc,
void list_policies(Call& call);
// seen_routes.cc,
void top(Call& call);
void history(Call& call);
void why(Call& call);
// server_routes.cc,
void reload(Call& call);
void log_level(Call& call);
// page_routes.cc.
void list_limits(Call& call);
void health(Call& call);
void readiness(Call& call);
void metrics(Call& call);
void openapi(Call& call);
// ui_route.cc: whether the path is one of the dashboard's, and then it is answered.
bool show_ui(Call& call);

}  // namespace sluice::door::http
