#include "observe/tracer.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace sluice::observe {

void TraceQueue::put(TracedRequest&& request) {
  const std::scoped_lock lock(mutex_);
  if (!has_room()) return;
  held_.fetch_add(1, std::memory_order_relaxed);
  recorded_.fetch_add(1, std::memory_order_relaxed);
  requests_.push_back(std::move(request));
}

void TraceQueue::take(std::vector<TracedRequest>& to) {
  const std::scoped_lock lock(mutex_);
  if (to.empty()) return to.swap(requests_);
  std::ranges::move(requests_, std::back_inserter(to));
  requests_.clear();
}

Tracer::Tracer(TraceQueue& queue, const Options& options)
    : queue_(queue),
      options_(options),
      threshold_(static_cast<std::uint64_t>((std::uint64_t{1} << 63) / 1'000'000) *
                     static_cast<std::uint64_t>(options.ratio_millionths) +
                 (options.ratio_millionths == 1'000'000 ? std::uint64_t{1} << 62 : 0)),
      state_(options.seed) {}

void Tracer::record(TracedRequest&& request) {
  if (request.parent.present) {
    request.trace = request.parent.trace;
  } else {
    const std::uint64_t id[2] = {chance(), chance() | 1};  // All zero would be none.
    std::memcpy(request.trace.data(), id, sizeof id);
  }
  queue_.put(std::move(request));
}

std::string Tracer::key_text(std::string_view key) const {
  return options_.key_hash != nullptr ? options_.key_hash->of(key)
                                      : std::string(key.substr(0, kTraceTextMax));
}

void Tracer::call_answered(std::span<const store::Ask> asks, const store::CallSeen& call) {
  for (Watched* const watched : watched_) {
    const store::Ask* const first = watched->asks.data();
    if (std::less<>{}(asks.data(), first) || !std::less<>{}(asks.data(), first + watched->asks.size()))
      continue;
    watched->calls.push_back({static_cast<std::size_t>(asks.data() - first), call});
    return;
  }
}

}  // namespace sluice::observe
