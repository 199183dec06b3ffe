#include "door/http/http_door.h"

#include "door/http/answer.h"
#include "door/http/session.h"
#include "policy/policy_set.h"

namespace sluice::door {

HttpDoor::HttpDoor(store::Store& store, const policy::Current& limits, HttpOptions options,
                   observe::Decisions* decisions)
    : BatchingDoor(store, std::move(options), decisions),
      view_(limits),
      no_policies_(std::make_shared<const policy::PolicySet>()),
      policies_(this->options().policies != nullptr ? *this->options().policies : no_policies_),
      holds_(this->options().holds != nullptr ? this->options().holds : std::make_shared<Holds>()) {
  if (this->options().tokens != nullptr) tokens_.emplace(*this->options().tokens);
  http::write_problem({.status = 503,
                       .detail = "as many connections are open as this server takes",
                       .fields = http::kRetryInASecond,
                       .close = true},
                      refusal_);
}

HttpDoor::~HttpDoor() = default;

std::unique_ptr<net::Session> HttpDoor::session(net::Host& host, std::string_view) {
  return std::make_unique<http::HttpSession>(*this, host);
}

const std::shared_ptr<const http::NamedLimits>& HttpDoor::limits() {
  const auto& set = view_.get();
  if (limits_ == nullptr || limits_->set != set) limits_ = std::make_shared<const http::NamedLimits>(set);
  return limits_;
}

const std::shared_ptr<const policy::PolicySet>& HttpDoor::policies() { return policies_.get(); }

}  // namespace sluice::door
