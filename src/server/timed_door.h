// timed_door.h: a door whose answers are timed: from the moment at which the connection had read the bytes,
// which it tells the session anyway, to the moment at which the replies are ready to be sent. One clock
// reading more a batch.
#pragma once

#include <memory>

#include "net/session.h"
#include "observe/metrics.h"

namespace sluice::server {

class TimedDoor final : public net::SessionFactory {
 public:
  /// `metrics` outlives the door. A door that does not count its requests is not timed.
  TimedDoor(std::unique_ptr<net::SessionFactory> door, observe::DoorMetrics& metrics)
      : door_(std::move(door)), metrics_(metrics) {}

  std::unique_ptr<net::Session> session(net::Host& host, std::string_view peer) override;
  std::string_view refusal() const override { return door_->refusal(); }
  std::uint64_t requests() const override { return door_->requests(); }
  std::uint64_t shed() const override { return door_->shed(); }

 private:
  const std::unique_ptr<net::SessionFactory> door_;
  observe::DoorMetrics& metrics_;
};

}  // namespace sluice::server
