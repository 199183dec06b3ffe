// testing.h: a door under test, whatever its protocol: over a local store, with one connection.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/session.h"
#include "observe/decisions.h"
#include "policy/current.h"
#include "store/local/local_store.h"

namespace sluice::door {

inline policy::Limit test_limit(std::string name, std::vector<const char*> quotas,
                                policy::Mode mode = policy::Mode::enforce) {
  std::vector<Quota> parsed;
  for (const auto* text : quotas) parsed.push_back(*Quota::parse(text));
  policy::Limit limit(std::move(name), std::move(parsed));
  limit.mode = mode;
  return limit;
}

/// One connection, and a clock that stands still unless moved.
template <class Door, class Options>
struct DoorUnderTest {
  explicit DoorUnderTest(Options options, std::vector<policy::Limit> limits, store::Store* other,
                         observe::Decisions* decisions, std::size_t max_keys)
      : local({.max_keys = max_keys, .seed = 1}),
        current(std::make_shared<const policy::LimitSet>(std::move(limits))),
        door(other == nullptr ? local : *other, current, std::move(options), decisions),
        session(door.session(host, kPeer)) {}

  struct TestHost final : net::Host {
    void resume() override { ++resumed; }
    bool shedding() const override { return sheds; }
    int resumed = 0;
    bool sheds = false;
  };

  /// Bytes in, bytes out; what is not consumed stays in front of the next.
  std::string raw(std::string_view bytes) {
    unread.append(bytes);
    std::string out;
    do unread.erase(0, session->feed(unread, now, out));
    while (session->more());
    return out;
  }
  /// A new connection.
  void reconnect() {
    unread.clear();
    session = door.session(host, kPeer);
  }
  void at(std::chrono::nanoseconds since_start) { now = kStart + since_start; }

  static constexpr std::string_view kPeer = "192.0.2.7:51000";
  static constexpr Time kStart{std::chrono::hours(1000)};
  Time now = kStart;
  store::LocalStore local;
  policy::Current current;
  TestHost host;
  Door door;
  std::unique_ptr<net::Session> session;
  std::string unread;
};

}  // namespace sluice::door
