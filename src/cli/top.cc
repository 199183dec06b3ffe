#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "cli/app.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/metrics_text.h"

namespace sluice::cli {

namespace {

struct Look {
  std::map<std::string, LimitCounts> limits;
  Time at;
};

struct Row {
  std::string limit;
  double allowed_rate, refused_rate;
  double allowed, refused;
};

Result<Look> look(const net::Address& server, const Way& way) {
  auto text = http_get(server, "/metrics", std::chrono::seconds(5), way);
  if (!text) return text.error();
  return Look{limit_counts(*text), Clock::now()};
}

std::vector<Row> rows_between(const Look& before, const Look& after) {
  const double seconds = std::max(1e-9, std::chrono::duration<double>(after.at - before.at).count());
  std::vector<Row> rows;
  for (const auto& [name, now] : after.limits) {
    const auto it = before.limits.find(name);
    const LimitCounts was = it == before.limits.end() ? LimitCounts{} : it->second;
    // A counter that went back is another process, begun between the looks.
    const auto rate = [&](double a, double b) { return (b < a ? b : b - a) / seconds; };
    rows.push_back(
        {name, rate(was.allowed, now.allowed), rate(was.refused, now.refused), now.allowed, now.refused});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const double x = a.allowed_rate + a.refused_rate, y = b.allowed_rate + b.refused_rate;
    return x != y ? x > y : a.limit < b.limit;
  });
  return rows;
}

void print(const std::vector<Row>& rows, bool json, std::size_t most) {
  if (json) {
    std::string list;
    for (const Row& r : rows) {
      char numbers[256];
      std::snprintf(
          numbers, sizeof numbers,
          ",\"allowed_per_second\":%.1f,\"refused_per_second\":%.1f,\"allowed\":%.0f,\"refused\":%.0f}",
          r.allowed_rate, r.refused_rate, r.allowed, r.refused);
      list += (list.empty() ? "{\"limit\":" : ",{\"limit\":") + json_string(r.limit) + numbers;
    }
    std::printf("{\"limits\":[%s]}\n", list.c_str());
    return;
  }
  std::printf("%-32s %12s %12s %8s %16s %16s\n", "LIMIT", "ALLOWED/s", "REFUSED/s", "REFUSED", "ALLOWED ALL",
              "REFUSED ALL");
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) {
    const Row& r = rows[i];
    const double all = r.allowed_rate + r.refused_rate;
    std::printf("%-32.32s %12.1f %12.1f %7.1f%% %16.0f %16.0f\n", r.limit.c_str(), r.allowed_rate,
                r.refused_rate, all > 0 ? 100 * r.refused_rate / all : 0, r.allowed, r.refused);
  }
  if (rows.empty()) std::printf("(no decision so far)\n");
}

/// Keys come one by one and unechoed while this lives.
class RawTerminal {
 public:
  RawTerminal() : is_(::isatty(0) == 1 && ::tcgetattr(0, &before_) == 0) {
    if (!is_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(0, TCSANOW, &raw);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (is_) ::tcsetattr(0, TCSANOW, &before_);
  }
  /// Waits for `time`; true if q was typed.
  bool quit_within(Duration time) const {
    const Time until = Clock::now() + time;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return false;
      pollfd in{.fd = is_ ? 0 : -1, .events = POLLIN, .revents = 0};
      char c = 0;
      if (::poll(&in, 1, static_cast<int>(std::min<long>(left, 1'000'000))) > 0 && ::read(0, &c, 1) == 1 &&
          c == 'q')
        return true;
    }
  }

 private:
  termios before_{};
  const bool is_;
};

}  // namespace

int top(const TopOptions& options) {
  const auto server = net::Address::parse(options.server);
  if (!server) return fail("--server: " + server.error().message);
  const auto interval = server::parse_duration(options.interval);
  if (!interval) return fail("--interval: " + interval.error().message);
  const auto way = Way::of(options.way);
  if (!way) return fail(way.error().message);
  const RawTerminal terminal;
  auto before = look(*server, *way);
  if (!before) return fail(before.error().message);
  for (;;) {
    if (terminal.quit_within(*interval)) return kDone;
    auto after = look(*server, *way);
    if (!after) return fail(after.error().message);
    const auto rows = rows_between(*before, *after);
    if (!options.once && !options.json)
      std::printf("\033[H\033[2Jsluice at %s, every %s; q quits\n\n", server->text().c_str(),
                  options.interval.c_str());
    print(rows, options.json, options.once ? rows.size() : 40);
    std::fflush(stdout);
    if (options.once) return kDone;
    *before = std::move(*after);
  }
}

}  // namespace sluice::cli
