// The report for the terminal.
#include <algorithm>

#include "simulate/report.h"
#include "simulate/text.h"

namespace sluice::simulate {
namespace {

constexpr std::size_t kKeyColumns = 40;
constexpr std::size_t kRows = 24;
constexpr std::size_t kBarColumns = 32;

std::string left(std::string text, std::size_t columns) {
  const auto have = columns_of(text);
  return have < columns ? text + std::string(columns - have, ' ') : text;
}
std::string right(const std::string& text, std::size_t columns) {
  const auto have = columns_of(text);
  return have < columns ? std::string(columns - have, ' ') + text : text;
}

class Text {
 public:
  Text(const Report& report, bool colour) : r_(report), colour_(colour) {}

  std::string write() {
    input();
    for (std::size_t c = 0; c < r_.trials.size(); ++c) trial(c);
    if (r_.totals.requests > 0) timeline();
    return std::move(out_);
  }

 private:
  std::string paint(std::string_view code, std::string_view text) const {
    std::string out;
    if (colour_) out.append("\x1b[").append(code).append("m");
    out.append(text);
    if (colour_) out.append("\x1b[0m");
    return out;
  }
  std::string bold(std::string_view text) const { return paint("1", text); }
  void line(std::string_view text = {}) { out_.append(text).append("\n"); }

  void input() {
    std::string names;
    for (const auto& file : r_.input.files) names += (names.empty() ? "" : ", ") + printable(file);
    line(bold(names));
    std::string read = "  " + with_commas(static_cast<Int128>(r_.input.lines)) + " lines";
    const auto also = [&](std::uint64_t n, const std::string& what) {
      if (n > 0) read += ", " + with_commas(static_cast<Int128>(n)) + " " + what;
    };
    also(r_.input.damaged, "damaged and skipped (first: " + printable(r_.input.first_damaged) + ")");
    also(r_.input.too_long, "too long and skipped");
    also(r_.input.keyless, "without a key and skipped");
    line(read);
    const auto& t = r_.totals;
    if (t.requests == 0) return line("  no requests");
    line("  " + with_commas(static_cast<Int128>(t.requests)) + " requests of " +
         with_commas(static_cast<Int128>(t.keys)) + " keys (" + printable(r_.input.key) + "), " +
         iso_text(t.first_s, r_.input.zone) + " to " + iso_text(t.last_s, r_.input.zone));
    if (r_.input.cost_is_bytes)
      line("  a request costs its answer's bytes: " + with_commas(t.cost) + " in all");
    if (t.late > 0)
      line("  " + with_commas(static_cast<Int128>(t.late)) + " out of order, by " +
           wait_text(t.latest_by_s * kNsPerSecond) + " at most: they count at the latest time seen");
    if (t.keys_forgotten > 0)
      line("  " + with_commas(static_cast<Int128>(t.keys_forgotten)) +
           " keys with full buckets were forgotten on the way (--max-keys); no decision changed");
  }

  void trial(std::size_t c) {
    const Trial& trial = r_.trials[c];
    const auto requests = r_.totals.requests;
    const char* const hue = trial.refused > 0 ? "31" : "32";
    line();
    line(bold(printable(trial.name)));
    line("  allowed  " + right(with_commas(static_cast<Int128>(requests - trial.refused)), 12) + "  " +
         percent(requests - trial.refused, requests));
    line("  refused  " + right(with_commas(static_cast<Int128>(trial.refused)), 12) + "  " +
         paint(hue, percent(trial.refused, requests)) +
         (trial.refused == 0 ? ""
                             : ", of " + with_commas(static_cast<Int128>(trial.keys_refused)) +
                                   (trial.keys_refused == 1 ? " key" : " keys")));
    if (trial.never > 0)
      line("           " + right(with_commas(static_cast<Int128>(trial.never)), 12) +
           "  of these cost more than the burst and could never pass");
    for (std::size_t q = 0; q < trial.quotas.size(); ++q) {
      const auto& need = trial.burst_needed[q];
      line("  smallest burst that refuses nobody" +
           (trial.quotas.size() > 1 ? " under " + trial.quotas[q].text() : std::string()) + ": " +
           (need ? bold(std::to_string(*need)) : std::string("2^63 or more")));
    }
    if (r_.target) found(trial);
    if (!trial.worst.empty()) worst(trial);
  }

  void found(const Trial& trial) {
    line("  to refuse at most " + r_.target_text + " % (" +
         with_commas(static_cast<Int128>(r_.target_budget)) + " requests):");
    const auto row = [&](const char* what, const std::optional<Found>& f) {
      line(std::string("    ") + what + "  " +
           (f ? bold(f->quota.text()) + ", which refuses " + with_commas(static_cast<Int128>(f->refused))
              : std::string("no rate does: more than the burst is asked for at one moment")));
    };
    row("a larger or smaller burst:", trial.burst_found);
    row("a faster or slower refill:", trial.rate_found);
  }

  void worst(const Trial& trial) {
    std::size_t wide = 3;
    for (const auto& w : trial.worst)
      wide = std::max(wide, columns_of(shortened(printable(w.key), kKeyColumns)));
    line();
    const bool one_day =
        date_text(r_.totals.first_s, r_.input.zone) == date_text(r_.totals.last_s, r_.input.zone);
    const std::size_t when = one_day ? 13 : 19;
    line("  " + bold(left("worst keys", wide) + right("requests", 10) + right("refused", 9) +
                     right("share", 10) + "  " + left("first refusal", when) + "  " +
                     left("longest wait", 14) + right("needs burst", 12)));
    for (const auto& w : trial.worst) {
      const auto at = w.outcome.first_refusal_s;
      const auto clock = clock_text(at, r_.input.zone);
      line("  " + left(shortened(printable(w.key), kKeyColumns), wide) +
           right(with_commas(static_cast<Int128>(w.requests)), 10) +
           right(with_commas(static_cast<Int128>(w.outcome.refused)), 9) +
           right(percent(w.outcome.refused, w.requests), 10) + "  " +
           left(one_day ? clock : date_text(at, r_.input.zone) + " " + clock, when) + "  " +
           left(wait_text(w.outcome.longest_wait_ns), 14) +
           right(w.burst_needed ? with_commas(*w.burst_needed) : std::string(">= 2^63"), 12));
    }
  }

  void timeline() {
    const auto narrow = r_.timeline.narrowed(kRows);
    std::uint64_t most = 1;
    for (const auto& i : narrow.intervals()) most = std::max(most, i.requests);
    line();
    const bool daily = narrow.width() >= 86400;
    const std::size_t when = daily ? 13 : narrow.width() < 60 ? 19 : 16;
    std::string head =
        std::string("  ") + left("time (" + zone_text(r_.input.zone) + ")", when) + right("requests", 11);
    for (std::size_t c = 0; c < r_.trials.size(); ++c)
      head += right(r_.trials.size() == 1 ? "refused" : c == 0 ? "refused A" : "refused B", 11);
    line(bold(head));
    for (std::size_t i = 0; i < narrow.intervals().size(); ++i) {
      const auto& interval = narrow.intervals()[i];
      const auto begin = narrow.begin() + static_cast<std::int64_t>(i) * narrow.width();
      const auto clock = clock_text(begin, r_.input.zone);
      std::string row =
          "  " +
          left(date_text(begin, r_.input.zone) +
                   (daily ? "" : " " + (narrow.width() < 60 ? clock.substr(0, 8) : clock.substr(0, 5))),
               when) +
          right(with_commas(static_cast<Int128>(interval.requests)), 11);
      for (std::size_t c = 0; c < r_.trials.size(); ++c)
        row += right(with_commas(static_cast<Int128>(interval.refused[c])), 11);
      line(row + "  " + bar(interval, most));
    }
    line("  " + paint("34", "█") + " allowed  " + paint("31", "▒") + " refused" +
         (r_.trials.size() > 1
              ? " by A, " + printable(r_.trials[0].name) + " (B: " + printable(r_.trials[1].name) + ")"
              : std::string()));
  }

  std::string bar(const Timeline::Interval& interval, std::uint64_t most) const {
    const auto columns = [&](std::uint64_t n) {
      return (n * kBarColumns + most - 1) / most;
    };  // Something is never nothing.
    const auto refused = columns(interval.refused[0]);
    const auto all =
        std::max(columns(interval.requests), refused + (interval.requests > interval.refused[0] ? 1 : 0));
    std::string blocks, holes;
    for (std::uint64_t i = refused; i < all; ++i) blocks += "█";
    for (std::uint64_t i = 0; i < refused; ++i) holes += "▒";
    return (blocks.empty() ? "" : paint("34", blocks)) + (holes.empty() ? "" : paint("31", holes));
  }

  const Report& r_;
  const bool colour_;
  std::string out_;
};

}  // namespace

std::string report_text(const Report& report, bool colour) { return Text(report, colour).write(); }

}  // namespace sluice::simulate
