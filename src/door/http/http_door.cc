#include "door/http/http_door.h"

#include "door/http/answer.h"
#include "door/http/session.h"

namespace sluice::door {

HttpDoor::HttpDoor(store::Store& store, const policy::Current& limits, HttpOptions options,
                   observe::Decisions* decisions)
    : store_(store), view_(limits), options_(std::move(options)), decisions_(decisions) {
  http::write_problem({.status = 503,
                       .detail = "as many connections are open as this server takes",
                       .fields = "Retry-After: 1\r\n",
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

std::unique_ptr<http::HttpBatch> HttpDoor::lend() {
  if (spare_.empty()) return std::make_unique<http::HttpBatch>(*this);
  auto batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

void HttpDoor::give_back(std::unique_ptr<http::HttpBatch> batch) {
  constexpr std::size_t kSpareMax = 64;
  batch->clear();
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(batch));
}

void HttpDoor::adopt(std::unique_ptr<http::HttpBatch> batch) {
  batch->waiting = nullptr;
  if (batch->done) return;  // Decided, and the session went before it was told: nobody will call again.
  batch->adopted = true;
  adopted_.push_back(std::move(batch));
}

void HttpDoor::bury(http::HttpBatch& adopted) {
  std::erase_if(adopted_, [&](const auto& batch) { return batch.get() == &adopted; });
}

}  // namespace sluice::door
