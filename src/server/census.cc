#include "server/census.h"

#include <algorithm>
#include <utility>

#include "core/random_seed.h"
#include "redis/command.h"

namespace sluice::server {

namespace {

// The value: of each process its number and the time of its latest entry in milliseconds, as two doubles. Its
// commands are those of the buckets' script, so that no further rights are needed.
constexpr std::string_view kScript = R"(
if redis.replicate_commands then redis.replicate_commands() end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local me, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
local old = redis.call('MGET', KEYS[1])[1] or ''
local all, count = struct.pack('<dd', me, now), 1
for i = 1, #old - 15, 16 do
  local id, at = struct.unpack('<dd', old, i)
  if id ~= me and math.abs(now - at) < kept then
    all, count = all .. old:sub(i, i + 15), count + 1
  end
end
redis.call('SET', KEYS[1], all, 'PX', kept)
return count)";

/// A whole double.
std::int64_t process_number() { return static_cast<std::int64_t>(random_seed() >> 11); }

}  // namespace

Census::Census(net::Loop& loop, redis::Node& store, std::atomic<std::int64_t>& instances,
               std::function<void(std::string_view)> trouble)
    : store_(store),
      instances_(instances),
      trouble_(std::move(trouble)),
      command_(redis::command("EVAL", kScript, 1, kKey, process_number(),
                              kForgottenAfter / std::chrono::milliseconds(1))),
      timers_(loop) {
  timers_.every(kEvery, [this] { enter(); });
}

void Census::enter() {
  if (asked_ || !store_.up()) return;
  asked_ = true;
  store_.send(command_, *this);
}

void Census::replied(redis::Reply reply) {
  asked_ = false;
  const auto& head = reply.front();
  if (head.kind == redis::Element::Kind::integer)
    instances_.store(std::max<std::int64_t>(head.integer, 1), std::memory_order_relaxed);
  else
    trouble_(head.kind == redis::Element::Kind::error ? head.text : "the census's reply is no number");
}

}  // namespace sluice::server
