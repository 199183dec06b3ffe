#include <sys/ioctl.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "cli/app.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/metrics_text.h"
#include "cli/seen_text.h"
#include "cli/terminal.h"
#include "policy/limits_yaml.h"

namespace sluice::cli {

namespace {

constexpr Duration kTimeout = std::chrono::seconds(5);

struct Look {
  std::map<std::string, LimitCounts> limits;
  Time at;
};

struct Row {
  std::string limit;
  double allowed_rate, refused_rate;
  double allowed, refused;
};

enum class Sort : std::uint8_t { rate, refused, name };
constexpr const char* kSortNames[] = {"rate", "refused", "name"};

Result<Look> look(const net::Address& server, const Way& way) {
  auto text = http_get(server, "/metrics", kTimeout, way);
  if (!text) return text.error();
  return Look{limit_counts(*text), Clock::now()};
}

std::vector<Row> rows_between(const Look& before, const Look& after, Sort sort) {
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
  std::sort(rows.begin(), rows.end(), [sort](const Row& a, const Row& b) {
    const auto of = [sort](const Row& r) {
      return sort == Sort::name ? 0 : r.refused_rate + (sort == Sort::rate ? r.allowed_rate : 0);
    };
    return of(a) != of(b) ? of(a) > of(b) : a.limit < b.limit;
  });
  return rows;
}

std::string limits_json(const std::vector<Row>& rows) {
  std::string list;
  for (const Row& r : rows) {
    char numbers[256];
    std::snprintf(
        numbers, sizeof numbers,
        ",\"allowed_per_second\":%.1f,\"refused_per_second\":%.1f,\"allowed\":%.0f,\"refused\":%.0f}",
        r.allowed_rate, r.refused_rate, r.allowed, r.refused);
    list += (list.empty() ? "{\"limit\":" : ",{\"limit\":") + json_string(r.limit) + numbers;
  }
  return "{\"limits\":[" + list + "]}\n";
}

/// The name has what the numbers leave of a line of `columns`.
std::string limits_text(const std::vector<Row>& rows, std::size_t most, std::size_t columns) {
  constexpr std::size_t kNumbers = 55, kNameMin = 12;
  std::size_t longest = kNameMin;
  for (const Row& r : rows) longest = std::max(longest, r.limit.size());
  const auto room = columns > kNumbers + kNameMin ? columns - kNumbers : kNameMin;
  const int name = static_cast<int>(std::min({longest, room, policy::kLimitNameMax}));
  char line[256];
  std::snprintf(line, sizeof line, "%-*s %10s %10s %8s %11s %11s\n", name, "LIMIT", "ALLOWED/s", "REFUSED/s",
                "REFUSED", "ALLOWED ALL", "REFUSED ALL");
  std::string out(line);
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) {
    const Row& r = rows[i];
    const double all = r.allowed_rate + r.refused_rate;
    std::snprintf(line, sizeof line, "%-*.*s %10.1f %10.1f %7.1f%% %11.0f %11.0f\n", name, name,
                  r.limit.c_str(), r.allowed_rate, r.refused_rate, all > 0 ? 100 * r.refused_rate / all : 0,
                  r.allowed, r.refused);
    out += line;
  }
  if (rows.empty()) out += "(no decision so far)\n";
  return out;
}

struct Screen {
  std::size_t lines = 40;  ///< Of rows: without the heading and what a page says above and below them.
  std::size_t columns = 200;

  static Screen now() {
    constexpr int kOthers = 6;
    winsize size{};
    if (::ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
    return {static_cast<std::size_t>(std::max(3, size.ws_row - kOthers)), size.ws_col};
  }
};

/// Over what is there, so that nothing flickers; a line too long for the screen is cut by it and not broken.
void draw(const std::string& text) {
  std::string out("\033[?7l\033[H");
  for (const char c : text) out += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
  std::fputs((out + "\033[J\033[?7h").c_str(), stdout);
}

/// What is shown, from one look to the next.
class Top {
 public:
  Top(const TopOptions& options, net::Address server, Way way)
      : options_(options), server_(std::move(server)), way_(std::move(way)), by_(options.by) {}

  Status begin() {
    if (!by_.empty()) return Done{};
    auto first = look(server_, way_);
    if (!first) return first.error();
    before_ = std::move(*first);
    return Done{};
  }
  /// Empty `by_`: the limits.
  Result<std::string> page(const Screen& screen) {
    if (!by_.empty()) return keys(screen.lines);
    auto after = look(server_, way_);
    if (!after) return after.error();
    const auto rows = rows_between(before_.limits.empty() ? *after : before_, *after, sort_);
    before_ = std::move(*after);
    return options_.json ? limits_json(rows) : limits_text(rows, screen.lines, screen.columns);
  }
  /// False: q.
  bool typed(char c) {
    if (c == 'l') by_.clear();
    if (c == 'a') by_ = "asked";
    if (c == 'r') by_ = "refused";
    if (c == 's') sort_ = static_cast<Sort>((static_cast<int>(sort_) + 1) % 3);
    constexpr char kControlC = 3;
    return c != 'q' && c != kControlC;
  }
  std::string heading() const {
    const std::string view =
        by_.empty() ? std::string("limits by ") + kSortNames[static_cast<int>(sort_)] : "keys by " + by_;
    return "sluice at " + server_.text() + ", every " + options_.interval + ": " + view +
           "\nl limits, a keys that ask, r keys refused, s sort, q quit\n\n";
  }

 private:
  Result<std::string> keys(std::size_t lines) {
    const auto n =
        std::min<std::size_t>(options_.json || options_.once ? static_cast<std::size_t>(options_.n) : lines,
                              static_cast<std::size_t>(options_.n));
    std::string path = "/v1/top?by=" + by_ + "&n=" + std::to_string(n);
    if (!options_.limit.empty()) path += "&limit=" + percent_encoded(options_.limit);
    auto body = http_get(server_, path, kTimeout, way_);
    if (!body) return body.error();
    return options_.json ? Result<std::string>(*body + "\n") : top_text(*body);
  }

  const TopOptions& options_;
  const net::Address server_;
  const Way way_;
  std::string by_;
  Sort sort_ = Sort::rate;
  Look before_;
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
  const bool plain = options.once || options.json || ::isatty(1) != 1;
  Top view(options, *server, *way);
  if (auto status = view.begin(); !status) return fail(status.error().message);
  bool wait = options.by.empty();  // Rates need two looks, keys one.
  for (;; wait = true) {
    if (wait) {
      if (!view.typed(terminal.key_within(*interval))) return kDone;
    }
    auto screen = Screen::now();
    if (options.once) screen.lines = SIZE_MAX;
    const auto page = view.page(screen);
    if (!page && plain) return fail(page.error().message);
    if (plain)
      std::fputs(page->c_str(), stdout);
    else  // A server that is started anew is looked at again.
      draw(view.heading() + (page ? *page : page.error().message + "\n"));
    std::fflush(stdout);
    if (options.once) return kDone;
  }
}

}  // namespace sluice::cli
