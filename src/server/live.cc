#include "server/live.h"

#include <map>

#include "wire/json_object.h"

namespace sluice::server {

namespace {

using wire::JsonObject;

void limits(const LiveParts& parts, std::string& out) {
  auto sums = parts.metrics.limits();
  for (const auto& limit : parts.limits.all()) sums.try_emplace(limit.name);
  JsonObject all(out);
  for (const auto& [name, n] : sums) {
    JsonObject one(all.name(name));
    one.number("allowed", n[static_cast<std::size_t>(Outcome::allowed)]);
    one.number("refused", n[static_cast<std::size_t>(Outcome::refused)]);
    one.number("never", n[static_cast<std::size_t>(Outcome::never)]);
  }
}

void doors(const LiveParts& parts, std::string& out) {
  JsonObject all(out);
  for (const DoorTotals& d : parts.doors) {
    JsonObject one(all.name(d.door));
    one.number("connections", d.net.open);
    one.number("accepted", d.net.accepted);
    one.number("refused", d.net.refused);
    one.number("requests", parts.metrics.requests(d.door));
    one.number("bytes_in", d.net.bytes_in);
    one.number("bytes_out", d.net.bytes_out);
  }
}

void store(const LiveParts& parts, std::string& out) {
  JsonObject one(out);
  one.text("kind", parts.shared == nullptr ? "local" : "shared");
  one.text("state", parts.shared == nullptr || parts.shared->up ? "up" : "away");
  one.number("degraded", parts.shared == nullptr ? 0 : parts.shared->degraded.load());
  if (parts.shared == nullptr) return;
  one.number("instances", parts.shared->instances);
  JsonObject asks(one.name("asks"));
  for (const AskOrigin& origin : ask_origins()) asks.number(origin.name, parts.shared->*origin.number);
}

void table(const LiveParts& parts, std::string& out) {
  JsonObject one(out);
  one.number("keys", parts.table.keys);
  one.number("max_keys", static_cast<std::uint64_t>(parts.config.max_keys));
  one.number("evictions", parts.table.evictions);
}

}  // namespace

std::string live_event(const LiveParts& parts) {
  std::string out;
  {
    JsonObject event(out);
    event.time("time", parts.wall_ns);
    event.time("started", parts.process.started_wall_ns);
    event.truth("ready", parts.process.ready.load(std::memory_order_relaxed));
    limits(parts, event.name("limits"));
    doors(parts, event.name("doors"));
    store(parts, event.name("store"));
    table(parts, event.name("table"));
    event.number("memory_bytes", resident_bytes());
  }
  return out;
}

}  // namespace sluice::server
