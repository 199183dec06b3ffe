// tracing.h: traces, as they are configured: a tracer for each loop, one exporter for all.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "observe/metrics.h"
#include "observe/trace_exporter.h"
#include "server/config.h"
#include "server/log.h"

namespace sluice::server {

/// Requests that wait for the collector, with those that are on their way; some 0.5 kB each, 2 kB at most.
inline constexpr std::size_t kTracesWaitingMax = 4096;

class Tracing {
 public:
  /// Null: there is no trace_endpoint. Reads the files. `key_hash` outlives this. The error names the setting
  /// or the file.
  static Result<std::unique_ptr<Tracing>> open(const Config& config, const observe::KeyHash& key_hash);

  /// One more loop's. Before that runs; lives as long as this.
  observe::Tracer& add_tracer();
  void begin() { exporter_.begin(); }
  /// The loops have ended.
  void end() { exporter_.end(); }
  void add_to(std::vector<observe::Family>& numbers) const;

 private:
  Tracing(const Config& config, const observe::KeyHash& key_hash, observe::TraceExporter::Options options);

  const observe::Tracer::Options each_;
  observe::TraceQueue queue_{kTracesWaitingMax};
  std::deque<observe::Tracer> tracers_;
  observe::TraceExporter exporter_;
};

/// What the endpoint and its files come to. For tests.
Result<observe::TraceExporter::Options> trace_options(const Config& config);

}  // namespace sluice::server
