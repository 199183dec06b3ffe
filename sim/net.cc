#include "net.h"

#include <algorithm>
#include <utility>

namespace sluice::sim {

Duration Link::delay() {
  std::int64_t us = 20 + below(random_, faults_.delay_us_max);
  if (faults_.slow_one_in > 0 && one_in(random_, faults_.slow_one_in)) us += below(random_, 60'000);
  return std::chrono::microseconds(us);
}

void Link::send(std::string_view command, redis::Caller& caller, bool asking) {
  if (!up()) return caller.lost(redis::Loss::not_sent, "there is no connection");
  auto message = std::make_shared<Message>(Message{std::string(command), &caller, {}, false});
  message->asking = asking;
  pending_.push_back(message);
  last_arrival_ = std::max(last_arrival_, events_.now() + delay());
  events_.at(last_arrival_, [this, message, epoch = epoch_] { arrive(message, epoch); });
}

void Link::arrive(const Pending& message, std::uint64_t epoch) {
  if (!server_.alive) return;
  if (events_.now() < server_.hangs_until)
    return events_.at(server_.hangs_until, [this, message, epoch] { arrive(message, epoch); });
  message->ran_us = server_.clock_us();
  const std::string error = server_.refuses.empty() && server_.gate
                                ? server_.gate(message->command, message->asking)
                                : server_.refuses;
  if (error.empty()) {
    message->answer = server_.model.run(message->command, server_.clock_us());
  } else {
    message->answer.texts.push_back(error);
    message->answer.elements.push_back(
        {.kind = redis::Element::Kind::error, .text = message->answer.texts.back()});
  }
  last_reply_ = std::max(last_reply_, events_.now() + delay());
  events_.at(last_reply_, [this, message, epoch] { come_back(message, epoch); });
}

void Link::come_back(const Pending& message, std::uint64_t epoch) {
  if (epoch != epoch_) return;  // The connection that it belongs to is gone.
  const auto it = std::find(pending_.begin(), pending_.end(), message);
  if (it == pending_.end()) return;
  pending_.erase(it);
  delivering_us_ = message->ran_us;
  message->caller->replied(message->answer.elements);
  if (delivered_) delivered_(message->ran_us);
}

void Link::cut(Duration pause) {
  ++epoch_;
  up_ = false;
  last_arrival_ = last_reply_ = {};
  for (const auto& message : std::exchange(pending_, {})) {
    if (faults_.repeats_lost_calls) server_.model.run(message->command, server_.clock_us());
    message->caller->lost(redis::Loss::unknown, "the connection broke");
  }
  events_.after(pause, [this, epoch = epoch_] {
    if (epoch != epoch_) return;
    up_ = true;
    if (std::exchange(server_id_, server_.id) != server_.id && other_server_) other_server_();
  });
}

}  // namespace sluice::sim
