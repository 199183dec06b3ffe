// What is done to the server as a whole: POST /v1/reload, as SIGHUP, and POST /v1/log-level.
#include "door/http/asking.h"
#include "door/http/query.h"

namespace sluice::door::http {

namespace {

/// False: the call is answered. None of these has a body that is read, so has_json() is not asked.
bool from_own_page(Call& call) {
  if (!from_foreign_page(call.request)) return true;
  refuse(call, 403, "a web page of another origin may not ask here");
  return false;
}

}  // namespace

void reload(Call& call) {
  if (!from_own_page(call)) return;
  const auto& reloads = call.door.options().reload;
  if (!reloads) return refuse(call, 404, "this server has nothing to read again");
  Query query(call.target.query, {});
  if (!query.problem().empty()) return refuse(call, 400, query.problem());
  answer_later(call, [&reloads](auto tell) {
    reloads([tell](bool taken) {
      if (taken) return tell({.body = "{\"reloaded\":true}"});
      tell(
          {.status = 409,
           .body = "a file is not valid, and what was in force stays; the log names the place and the mend"});
    });
    return true;
  });
}

void log_level(Call& call) {
  if (!from_own_page(call)) return;
  const auto& set = call.door.options().log_level;
  if (!set) return refuse(call, 404, "this server has no log");
  Query query(call.target.query, {"level"});
  if (query.problem().empty() && !query["level"]) query.wrong("level: is missing; ask as in ?level=debug");
  if (!query.problem().empty()) return refuse(call, 400, query.problem());
  const auto before = set(*query["level"]);
  if (before.empty()) return refuse(call, 400, "level: must be debug, info, warning, error or off");
  show(call, {.body = "{\"level\":\"" + *query["level"] + "\",\"was\":\"" + before + "\"}"});
}

}  // namespace sluice::door::http
