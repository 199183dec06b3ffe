// trace_exporter.h: brings traced requests to a collector by OTLP over HTTP, on a loop and thread of its own.
//
//     TraceExporter exporter(queue, {.address = ..., .path = "/v1/traces", ...});
//     exporter.begin();
//     exporter.end();        // Brings what is there, for a moment at most.
//
// One export at a time, of at most batch_max requests, at most one every `every`: whatever is asked of the
// server, this costs no more. Nothing here holds up who decides: what finds no room in the queue is dropped
// and counted.
//
//     200                                   gone; spans that the collector rejects are counted
//     429, 502, 503, 504                    again later, after Retry-After if that is longer than the
//     back-off no connection, no answer in time      the same any other answer                      the batch
//     is dropped: it would be refused again
//
// A batch that has not gone after give_up is dropped.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/outgoing.h"
#include "net/timers.h"
#include "observe/otlp.h"
#include "observe/tracer.h"

namespace sluice::observe {

/// The machine's: nanoseconds since 1970 at Time zero.
std::int64_t wall_clock();

class TraceExporter final : private net::OutgoingHandler {
 public:
  struct Options {
    net::Address address;
    std::shared_ptr<const net::OutgoingTls> tls;  ///< Null: none.
    std::string host;                             ///< Of the field Host.
    std::string path = "/v1/traces";
    std::string fields;  ///< Further lines of the head, each with CR LF. Never told to anybody else.
    OtlpResource resource;
    /// What is added to a Time's nanoseconds; asked for each batch, since clocks are set.
    std::int64_t (*since_1970)() = &wall_clock;
    std::uint64_t seed = 1;

    Duration timeout = std::chrono::seconds(10);  ///< Of one export, the connection included.
    Duration every = std::chrono::milliseconds(100);
    std::size_t batch_max = 512;
    Duration backoff_min = std::chrono::seconds(1);  ///< Doubles up to the next, less up to a half by chance.
    Duration backoff_max = std::chrono::seconds(30);
    Duration give_up = std::chrono::minutes(1);
    Duration end_max = std::chrono::seconds(1);

    /// Exports fail from now on, and why; or, with "", they succeed again. On the exporter's thread.
    std::function<void(std::string_view)> trouble = {};
  };

  /// Written on the exporter's thread, read by any (relaxed: for people).
  struct Stats {
    using Counter = std::atomic<std::uint64_t>;
    Counter exported{0};        ///< Requests that the collector took.
    Counter refused{0};         ///< Requests dropped, since the collector refused them for good.
    Counter late{0};            ///< Requests dropped, since they had not gone after give_up.
    Counter rejected_spans{0};  ///< Of those exported.
    Counter exports{0};         ///< Tried.
    Counter failures{0};        ///< Of these.
  };

  /// `queue` outlives it.
  TraceExporter(TraceQueue& queue, Options options);
  ~TraceExporter();

  void begin();
  void end();
  const Stats& stats() const { return stats_; }

 private:
  void connected() override { connection_->output_waits(); }
  std::size_t received(std::string_view in) override;
  void take_output(std::string& to) override;
  void closed(std::string_view why) override;

  void tick();
  void export_some();
  bool fill();
  void succeeded(std::string_view body);
  void refused(int status);
  void failed(std::string_view why, Duration at_least = Duration{0});
  void batch_gone(Stats::Counter& counter);
  void tell(std::string_view why);
  void look_for_the_end();

  TraceQueue& queue_;
  const Options options_;
  OtlpEncoder encoder_;
  net::Loop loop_;
  net::Timers timers_{loop_};
  std::unique_ptr<net::Outgoing> connection_;
  std::vector<TracedRequest> backlog_;  // Taken from the queue. From next_ on not yet gone.
  std::size_t next_ = 0;
  std::size_t batch_ = 0;  // Requests of `body_`; 0: there is no batch.
  std::string body_;
  Time batch_since_;
  bool asked_ = false;   // An answer is waited for, or a connection.
  bool unsent_ = false;  // Of that.
  Time deadline_;
  Time not_before_;
  int failures_ = 0;  // In a row.
  bool told_ = false;
  bool ending_ = false;
  std::mt19937_64 random_;
  Stats stats_;
  std::thread thread_;
};

}  // namespace sluice::observe
