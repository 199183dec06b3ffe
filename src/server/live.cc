#include "server/live.h"

#include <map>

#include "wire/json_writer.h"

namespace sluice::server {

namespace {

/// The members of one JSON object, in order.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { out_ += '}'; }

  std::string& name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    wire::json_string(out_, name);
    return out_ += ':';
  }
  void number(std::string_view key, std::uint64_t n) {
    wire::json_integer(name(key), static_cast<std::int64_t>(n));
  }
  void text(std::string_view key, std::string_view value) { wire::json_string(name(key), value); }
  void truth(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }
  void seconds(std::string_view key, std::int64_t wall_ns) {
    wire::json_seconds(name(key), Duration(wall_ns - wall_ns % 1'000'000));
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void limits(const LiveParts& parts, std::string& out) {
  auto sums = parts.metrics.limits();
  for (const auto& limit : parts.limits.all()) sums.try_emplace(limit.name);
  Object all(out);
  for (const auto& [name, n] : sums) {
    Object one(all.name(name));
    one.number("allowed", n[static_cast<std::size_t>(Outcome::allowed)]);
    one.number("refused", n[static_cast<std::size_t>(Outcome::refused)]);
    one.number("never", n[static_cast<std::size_t>(Outcome::never)]);
  }
}

void doors(const LiveParts& parts, std::string& out) {
  Object all(out);
  for (const DoorTotals& d : parts.doors) {
    Object one(all.name(d.door));
    one.number("connections", d.net.open);
    one.number("accepted", d.net.accepted);
    one.number("refused", d.net.refused);
    one.number("requests", parts.metrics.requests(d.door));
    one.number("bytes_in", d.net.bytes_in);
    one.number("bytes_out", d.net.bytes_out);
  }
}

void store(const LiveParts& parts, std::string& out) {
  Object one(out);
  one.text("kind", parts.shared == nullptr ? "local" : "shared");
  one.text("state", parts.shared == nullptr || parts.shared->up ? "up" : "away");
  one.number("degraded", parts.shared == nullptr ? 0 : parts.shared->degraded.load());
  if (parts.shared == nullptr) return;
  one.number("instances", parts.shared->instances);
  Object asks(one.name("asks"));
  for (const AskOrigin& origin : ask_origins()) asks.number(origin.name, parts.shared->*origin.number);
}

void table(const LiveParts& parts, std::string& out) {
  Object one(out);
  one.number("keys", parts.table.keys);
  one.number("max_keys", static_cast<std::uint64_t>(parts.config.max_keys));
  one.number("evictions", parts.table.evictions);
}

}  // namespace

std::string live_event(const LiveParts& parts) {
  std::string out;
  {
    Object event(out);
    event.seconds("time", parts.wall_ns);
    event.seconds("started", parts.process.started_wall_ns);
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
