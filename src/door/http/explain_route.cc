// GET /v1/explain?domain=D&entry=K=V&entry=...: what `sluice explain` says, of the policies in force.
#include <deque>
#include <optional>
#include <vector>

#include "door/http/asking.h"
#include "door/http/routes.h"
#include "policy/explanation.h"
#include "policy/policy_set.h"
#include "wire/json_writer.h"

namespace sluice::door::http {

namespace {

struct Question {
  std::optional<std::string> domain;
  std::deque<std::string> texts;  // What the entries view; stays.
  std::vector<std::vector<policy::Entry>> descriptors{1};
  std::string_view problem;  // Static text; empty: none.

  void put(std::string_view name, std::optional<std::string> value) {
    if (!value) {
      problem = "a % in the query is not followed by two hexadecimal digits";
    } else if (name == "domain") {
      if (domain) problem = "domain: is given twice";
      domain = std::move(value);
    } else if (name == "descriptor") {
      descriptors.emplace_back();
    } else if (name == "entry") {
      const std::string_view text = texts.emplace_back(std::move(*value));
      const auto equals = text.find('=');
      if (equals == std::string_view::npos || equals == 0)
        problem = "entry: is key=value, as in entry=user=bob";
      else
        descriptors.back().push_back({text.substr(0, equals), text.substr(equals + 1)});
    } else {
      problem = "the query has domain, entry and descriptor, and nothing else";
    }
  }
};

}  // namespace

void explain(Call& call) {
  if (call.door.options().policies == nullptr) return refuse(call, 404, "this server has no policies");
  Question question;
  auto query = call.target.query;
  for (std::string_view name, value; question.problem.empty() && wire::next_parameter(query, name, value);)
    question.put(name, wire::decode_query(value));
  if (question.problem.empty() && !question.domain)
    question.problem = "domain: is missing; ask as in ?domain=shop&entry=user=bob";
  if (!question.problem.empty()) return refuse(call, 400, question.problem);
  if (refuse_domain(call, *question.domain)) return;
  const auto told = policy::explain(*call.door.policies(), *question.domain, question.descriptors);
  show(call, {.body = policy::explanation_json(*question.domain, told, wire::json_string)});
}

}  // namespace sluice::door::http
