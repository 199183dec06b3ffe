#include "observe/trace_exporter.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "wire/http_response.h"

namespace sluice::observe {

namespace {

void add(TraceExporter::Stats::Counter& counter, std::uint64_t n) {
  counter.fetch_add(n, std::memory_order_relaxed);
}

bool comes_again(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

}  // namespace

std::int64_t wall_clock() {
  const auto wall = std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch());
  return (wall - Clock::now().time_since_epoch()).count();
}

TraceExporter::TraceExporter(TraceQueue& queue, Options options)
    : queue_(queue),
      options_(std::move(options)),
      encoder_(options_.resource, options_.seed),
      random_(options_.seed) {}

TraceExporter::~TraceExporter() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void TraceExporter::begin() {
  timers_.every(options_.every, [this] { tick(); });
  thread_ = std::thread([this] { loop_.run(); });
  ::pthread_setname_np(thread_.native_handle(), "sluice-traces");
}

void TraceExporter::end() {
  if (!thread_.joinable()) return;
  loop_.post([this] {
    ending_ = true;
    timers_.after(options_.end_max, [this] { loop_.stop(); });
    tick();
  });
  thread_.join();
  connection_.reset();
}

void TraceExporter::tick() {
  const Time now = Clock::now();
  if (asked_ && now >= deadline_) {
    connection_.reset();
    failed("no answer in time");
  }
  if (!asked_ && now >= not_before_) export_some();
  look_for_the_end();
}

/// At the end nothing is tried again.
void TraceExporter::look_for_the_end() {
  if (ending_ && !asked_) loop_.stop();
}

/// The next batch, unless there is one that has to go again. False: there is nothing.
bool TraceExporter::fill() {
  if (batch_ > 0) return true;
  if (next_ == backlog_.size()) {
    backlog_.clear();
    next_ = 0;
    queue_.take(backlog_);
  }
  batch_ = std::min(options_.batch_max, backlog_.size() - next_);
  if (batch_ == 0) return false;
  body_.clear();
  encoder_.write(std::span(backlog_).subspan(next_, batch_), options_.since_1970(), body_);
  batch_since_ = Clock::now();
  return true;
}

void TraceExporter::export_some() {
  if (!fill()) return;
  add(stats_.exports, 1);
  asked_ = unsent_ = true;
  deadline_ = Clock::now() + options_.timeout;
  if (connection_) return connection_->output_waits();
  connection_ = std::make_unique<net::Outgoing>(loop_, static_cast<net::OutgoingHandler&>(*this),
                                                net::Outgoing::Options{.address = options_.address,
                                                                       .timeout = options_.timeout,
                                                                       .tls = options_.tls,
                                                                       .input_max = wire::kHttpResponseMax});
}

void TraceExporter::take_output(std::string& to) {
  to.clear();
  if (!std::exchange(unsent_, false)) return;
  to.append("POST ").append(options_.path).append(" HTTP/1.1\r\nHost: ").append(options_.host);
  to.append("\r\nContent-Type: application/x-protobuf\r\nUser-Agent: sluice/")
      .append(options_.resource.version);
  to.append("\r\nContent-Length: ").append(std::to_string(body_.size())).append("\r\n");
  to.append(options_.fields).append("\r\n").append(body_);
}

std::size_t TraceExporter::received(std::string_view in) {
  wire::HttpResponse response;
  const auto read = asked_ ? wire::read_http_response(in, response) : wire::HttpResponseRead::malformed;
  if (read == wire::HttpResponseRead::need_more) return 0;
  const std::string body(response.body);  // `in` goes with the connection.
  const std::size_t bytes = in.size();
  if (read != wire::HttpResponseRead::whole || !response.reusable) connection_.reset();
  if (!asked_) return bytes;
  if (read != wire::HttpResponseRead::whole)
    failed("the answer is no HTTP");
  else if (response.status >= 200 && response.status < 300)
    succeeded(body);
  else if (comes_again(response.status))
    failed("it answers " + std::to_string(response.status), response.retry_after.value_or(Duration{0}));
  else
    refused(response.status);
  if (ending_ && failures_ == 0) export_some();
  look_for_the_end();
  return bytes;
}

void TraceExporter::closed(std::string_view why) {
  const std::string text(why);
  connection_.reset();
  if (asked_) failed(text);
  look_for_the_end();
}

void TraceExporter::batch_gone(Stats::Counter& counter) {
  add(counter, batch_);
  queue_.let_go(batch_);
  next_ += batch_;
  batch_ = 0;
}

void TraceExporter::succeeded(std::string_view body) {
  asked_ = false;
  failures_ = 0;
  not_before_ = {};
  batch_gone(stats_.exported);
  const auto answer = read_otlp_answer(body);
  if (!answer || answer->rejected_spans == 0) return tell("");
  add(stats_.rejected_spans, answer->rejected_spans);
  tell("it rejects spans: " + std::string(answer->message.substr(0, kTraceTextMax)));
}

void TraceExporter::refused(int status) {
  asked_ = false;
  failures_ = 0;
  not_before_ = {};
  add(stats_.failures, 1);
  batch_gone(stats_.refused);
  tell("it answers " + std::to_string(status));
}

void TraceExporter::failed(std::string_view why, Duration at_least) {
  const Time now = Clock::now();
  asked_ = unsent_ = false;
  add(stats_.failures, 1);
  if (now - batch_since_ >= options_.give_up) batch_gone(stats_.late);
  const int doublings = std::min(failures_++, 16);
  const Duration most = std::min(options_.backoff_max, options_.backoff_min * (std::int64_t{1} << doublings));
  const double part = std::uniform_real_distribution<double>(0.5, 1)(random_);
  const auto backoff = std::chrono::duration_cast<Duration>(most * part);
  not_before_ = now + std::max(backoff, at_least);
  tell(why);
}

void TraceExporter::tell(std::string_view why) {
  if (told_ == !why.empty()) return;
  told_ = !why.empty();
  if (options_.trouble) options_.trouble(why);
}

}  // namespace sluice::observe
