// bench.cc: a load generator on one thread and epoll.
//
// Open loop (--rate R): request i is due at start + i / R whatever became of those before it, and its latency
// counts from then. A load generator that waits for a slow server before it asks again would leave out just
// the requests that the server made late (coordinated omission). So all that was due within the duration is
// still sent behind its end; what no connection could take within kLastReplies counts as unanswered.
// Flat out: each connection keeps `pipeline` requests on the way; a batch is sent when the last one is
// answered, as redis-benchmark does.
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "cli/app.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/histogram.h"
#include "cli/keys.h"
#include "cli/load_wire.h"
#include "net/socket.h"

namespace sluice::cli {

namespace {

constexpr Duration kConnect = std::chrono::seconds(5);
constexpr Duration kLastReplies = std::chrono::seconds(5);  // After the end, for what is late.
constexpr std::size_t kErrorMax = 200;                      // Bytes of an error that are shown.

/// An error's own words: the line of a RESP error, the body of an HTTP response.
std::string shown(std::string_view reply) {
  if (const auto body = reply.find("\r\n\r\n"); reply.starts_with("HTTP/") && body != reply.npos)
    reply.remove_prefix(body + 4);
  if (reply.starts_with('-')) reply.remove_prefix(1);
  std::string text(reply.substr(0, std::min(reply.find("\r\n"), kErrorMax)));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';  // Nothing that a server says is to reach the terminal as a command.
  return text;
}

struct Counts {
  std::uint64_t allowed = 0, refused = 0, errors = 0;
  std::uint64_t unanswered = 0;
  std::string first_error;  // As the server said it.
  Histogram latency;
  Duration took{0};
};

class Load {
 public:
  Load(const BenchOptions& o, const Way& way, const LoadWire& wire, Keys& keys)
      : options_(o), way_(way), wire_(wire), keys_(keys) {}

  Status connect(const net::Address& address);
  Result<Counts> run(Duration duration);

 private:
  struct Link {
    explicit Link(net::Client connected) : client(std::move(connected)) {}
    net::Client client;
    std::string out;
    std::size_t sent = 0;
    std::string in;
    std::deque<Time> due;  // Of the requests on the way.
    bool wants_write = false;
  };

  bool may_send(const Link& link) const {
    return link.due.size() < static_cast<std::size_t>(options_.pipeline);
  }
  void add(Link& link, Time due) {
    wire_.request(keys_.next(), link.out);
    link.due.push_back(due);
  }
  bool sent_all(Time now, Time stop) const { return options_.rate > 0 ? planned_ == plan_ : now >= stop; }
  void add_due(Time now);
  void refill(Link& link, Time now);
  Status write(Link& link);
  Status read(Link& link);
  Status read_some(Link& link);
  int wait_ms(Time now, Time end) const;

  const BenchOptions& options_;
  const Way& way_;
  const LoadWire& wire_;
  Keys& keys_;
  net::Fd epoll_;
  std::vector<std::unique_ptr<Link>> links_;
  std::size_t turn_ = 0;       // The connection that the next due request goes to.
  std::uint64_t plan_ = 0;     // With a rate: requests that are due before the end.
  std::uint64_t planned_ = 0;  // Of them sent so far.
  Time start_;
  bool sending_ = true;
  Counts counts_;
};

Status Load::connect(const net::Address& address) {
  epoll_ = net::Fd(::epoll_create1(EPOLL_CLOEXEC));
  for (std::int64_t i = 0; i < options_.connections; ++i) {
    auto client = way_.connect(address, kConnect);
    if (!client) return client.error();
    auto link = std::make_unique<Link>(std::move(*client));
    if (options_.protocol == "resp" && !way_.secret().empty()) {
      char reply[128] = "";
      if (auto status = link->client.send(resp_request({"AUTH", way_.secret()})); !status)
        return status.error();
      const auto n = link->client.receive(reply, sizeof reply - 1);
      if (!n) return n.error();
      if (reply[0] != '+')
        return Error{Code::unavailable,
                     "the server does not take the password or token: " + shown({reply, *n})};
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = link.get()}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, link->client.fd(), &event);
    links_.push_back(std::move(link));
  }
  return Done{};
}

void Load::add_due(Time now) {
  const auto due_by_now = std::min(
      plan_,
      static_cast<std::uint64_t>(std::chrono::duration<double>(now - start_).count() * options_.rate) + 1);
  std::size_t full = 0;
  while (planned_ < due_by_now && full < links_.size()) {
    Link& link = *links_[turn_];
    turn_ = turn_ + 1 == links_.size() ? 0 : turn_ + 1;
    if (!may_send(link)) {
      ++full;
      continue;
    }
    full = 0;
    add(link,
        start_ + Duration(static_cast<std::int64_t>(static_cast<double>(planned_) / options_.rate * 1e9)));
    ++planned_;
  }
}

void Load::refill(Link& link, Time now) {
  if (options_.rate > 0 || !sending_ || !link.due.empty()) return;
  while (may_send(link)) add(link, now);
}

Status Load::write(Link& link) {
  while (link.sent < link.out.size()) {
    const auto n = link.client.send_some(std::string_view(link.out).substr(link.sent));
    if (n < 0 && errno != EAGAIN)
      return Error{Code::unavailable, std::string("the server closed a connection: ") + std::strerror(errno)};
    if (n < 0) break;
    link.sent += static_cast<std::size_t>(n);
  }
  const bool blocked = link.sent < link.out.size();
  if (!blocked) {
    link.out.clear();
    link.sent = 0;
  }
  if (blocked != link.wants_write) {
    link.wants_write = blocked;
    epoll_event event{.events = EPOLLIN | (blocked ? static_cast<std::uint32_t>(EPOLLOUT) : 0),
                      .data = {.ptr = &link}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, link.client.fd(), &event);
  }
  return Done{};
}

Status Load::read(Link& link) {
  for (;;) {
    auto status = read_some(link);
    if (!status || !link.client.more()) return status;  // Of what TLS has at hand epoll does not tell.
  }
}

Status Load::read_some(Link& link) {
  char block[64 * 1024];
  const auto n = link.client.receive_some(block, sizeof block);
  if (n < 0 && errno == EAGAIN) return Done{};
  if (n <= 0)
    return Error{Code::unavailable, "the server closed a connection: " +
                                        (link.client.why().empty()
                                             ? "does it take so many (max_connections), or speak TLS (--tls)?"
                                             : link.client.why())};
  const Time now = Clock::now();
  link.in.append(block, static_cast<std::size_t>(n));
  std::string_view rest = link.in;
  while (!link.due.empty()) {
    const std::string_view before = rest;
    const Said said = wire_.reply(rest);
    if (said == Said::unfinished) break;
    if (said == Said::error && counts_.first_error.empty())
      counts_.first_error = shown(before.substr(0, before.size() - rest.size()));
    counts_.latency.add((now - link.due.front()).count());
    link.due.pop_front();
    ++(said == Said::allowed ? counts_.allowed : said == Said::refused ? counts_.refused : counts_.errors);
  }
  link.in.erase(0, link.in.size() - rest.size());
  refill(link, now);
  return write(link);
}

int Load::wait_ms(Time now, Time end) const {
  Time until = end;
  if (sending_ && options_.rate > 0) {
    const auto next =
        start_ + Duration(static_cast<std::int64_t>(static_cast<double>(planned_) / options_.rate * 1e9));
    if (next <= now + std::chrono::milliseconds(1))
      return next <= now ? 1 : 0;  // Behind: replies make room. Soon: spin.
    until = std::min(until, next);
  }
  return static_cast<int>(std::max<std::int64_t>(0, (until - now) / std::chrono::milliseconds(1)));
}

Result<Counts> Load::run(Duration duration) {
  start_ = Clock::now();
  const Time stop = start_ + duration;
  plan_ = static_cast<std::uint64_t>(std::ceil(options_.rate * static_cast<double>(duration.count()) / 1e9));
  Time last = start_;
  epoll_event events[256];
  for (Time now = start_;; now = Clock::now()) {
    sending_ = !sent_all(now, stop);
    std::size_t on_the_way = 0;
    if (sending_ && options_.rate > 0) add_due(now);
    for (auto& link : links_) {
      if (now == start_) refill(*link, now);
      if (!link->out.empty() && !link->wants_write)
        if (auto status = write(*link); !status) return status.error();
      on_the_way += link->due.size();
    }
    if ((now >= stop && !sending_ && on_the_way == 0) || now >= stop + kLastReplies) {
      counts_.unanswered = on_the_way + (plan_ - planned_);
      break;
    }
    const int n = ::epoll_wait(epoll_.get(), events, std::size(events),
                               wait_ms(now, now < stop ? stop : stop + kLastReplies));
    for (int i = 0; i < n; ++i) {
      Link& link = *static_cast<Link*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) != 0)
        if (auto status = write(link); !status) return status.error();
      if ((events[i].events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0)
        if (auto status = read(link); !status) return status.error();
    }
    if (n > 0) last = Clock::now();
  }
  counts_.took = std::max(last - start_, Duration(1));
  return std::move(counts_);
}

void print(const Counts& c, bool json) {
  const auto& h = c.latency;
  const double rate = static_cast<double>(h.total()) / std::chrono::duration<double>(c.took).count();
  const auto us = [&](double p) { return static_cast<double>(h.percentile(p)) / 1e3; };
  const auto format = json
                          ? "{\"requests\":%llu,\"allowed\":%llu,\"refused\":%llu,\"errors\":%llu,"
                            "\"unanswered\":%llu,\"seconds\":%.3f,"
                            "\"requests_per_second\":%.1f,\"latency_us\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%"
                            ".1f,\"p99.9\":%.1f,"
                            "\"max\":%.1f}}\n"
                          : "requests    %llu (allowed %llu, refused %llu, errors %llu, unanswered %llu)\n"
                            "time        %.3f s\n"
                            "throughput  %.1f requests/s\n"
                            "latency     p50 %.1f us, p90 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n";
  using Number = unsigned long long;
  std::printf(format, Number{h.total()}, Number{c.allowed}, Number{c.refused}, Number{c.errors},
              Number{c.unanswered}, std::chrono::duration<double>(c.took).count(), rate, us(50), us(90),
              us(99), us(99.9), static_cast<double>(h.max()) / 1e3);
}

Result<std::unique_ptr<LoadWire>> wire_of(const BenchOptions& o, const net::Address& address,
                                          const Way& way) {
  if (o.protocol == "http") {
    if (o.limit.empty()) return Error{Code::invalid_argument, "http asks for a named limit; give --limit"};
    return http_take(o.limit, address.text(), way.authorization());
  }
  if (!o.limit.empty()) return resp_take(o.limit);
  auto quota = Quota::parse(o.quota);
  if (!quota) return quota.error();
  if (quota->period() % std::chrono::seconds(1) != Duration{0})
    return Error{Code::invalid_argument,
                 "--quota: CL.THROTTLE counts a period in whole seconds, as in 1000/s"};
  return resp_throttle(*quota);
}

}  // namespace

int bench(const BenchOptions& options) {
  const auto fallback = options.protocol == "http" ? "127.0.0.1:8080" : "127.0.0.1:6380";
  const auto address = net::Address::parse(options.server.empty() ? fallback : options.server);
  if (!address) return fail("--server: " + address.error().message);
  const auto duration = server::parse_duration(options.duration);
  if (!duration) return fail("--duration: " + duration.error().message);
  auto keys = Keys::make(options.keys, static_cast<std::uint64_t>(options.key_count), options.seed);
  if (!keys) return fail("--keys: " + keys.error().message);
  const auto way = Way::of(options.way);
  if (!way) return fail(way.error().message);
  auto wire = wire_of(options, *address, *way);
  if (!wire) return fail(wire.error().message);
  net::raise_open_files();
  Load load(options, *way, **wire, **keys);
  if (auto status = load.connect(*address); !status) return fail(status.error().message);
  auto counts = load.run(*duration);
  if (!counts) return fail(counts.error().message);
  print(*counts, options.json);
  if (counts->errors > 0) fail("the first error: " + with_mend(counts->first_error));
  return counts->errors > 0 || counts->unanswered > 0 ? kFailed : kDone;
}

}  // namespace sluice::cli
