// The report as one self-contained page. Plots are SVG that stretches with the page (shapes only: text is
// HTML beside it, so that it stays readable at any width); the script only answers the pointer and the arrow
// keys, from attributes that stand in the page. Everything untrusted passes html_escaped().
#include <algorithm>
#include <array>
#include <cstdio>

#include "simulate/report.h"
#include "simulate/report_page.h"
#include "simulate/text.h"

namespace sluice::simulate {
namespace {

std::string coordinate(double v) {
  std::array<char, 32> room;
  const int n = std::snprintf(room.data(), room.size(), "%.2f", v);
  return {room.data(), static_cast<std::size_t>(n)};
}
std::string count(std::uint64_t n) { return with_commas(static_cast<Int128>(n)); }

/// A round number, at least n and little above it.
std::uint64_t round_up(std::uint64_t n) {
  for (std::uint64_t power = 1;; power *= 10)
    for (const std::uint64_t m : {1U, 2U, 3U, 4U, 5U, 6U, 8U})
      if (m * power >= n || power > 1'000'000'000'000'000) return m * power;
}

/// Whole steps of time that give four to eight labels.
std::int64_t label_step(std::int64_t span) {
  for (const std::int64_t step :
       {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400})
    if (span / step <= 8) return step;
  std::int64_t days = 1;
  while (span / (days * 86400) > 8) days *= 2;
  return days * 86400;
}

class Page {
 public:
  explicit Page(const Report& report) : r_(report) {}

  std::string write() {
    out_ = kPageHead;
    out_ += "<title>Sluice: " + html_escaped(r_.trials.front().name) + "</title>\n" + kPageStyle +
            "</head><body><main>\n";
    heading();
    if (r_.totals.requests > 0) {
      cards();
      out_ += "<section><h2>Requests and refusals over time</h2><div class=\"columns\">";
      for (std::size_t c = 0; c < r_.trials.size(); ++c) requests_chart(c);
      out_ += "</div></section>\n";
      levels();
      worst();
      table_of_times();
    }
    out_ += kPageFoot;
    return std::move(out_);
  }

 private:
  std::string name(std::size_t c) const { return html_escaped(r_.trials[c].name); }
  std::string time(std::int64_t second) const {
    return date_text(second, r_.input.zone) + " " + clock_text(second, r_.input.zone);
  }

  void heading() {
    out_ += "<header><h1>What would have happened under <q>" + name(0) + "</q>" +
            (r_.trials.size() > 1 ? " and <q>" + name(1) + "</q>" : "") + "</h1><p>";
    for (std::size_t i = 0; i < r_.input.files.size(); ++i)
      out_ += (i == 0 ? "" : ", ") + html_escaped(r_.input.files[i]);
    out_ += ": " + count(r_.input.lines) + " lines";
    const auto also = [&](std::uint64_t n, const char* what) {
      if (n > 0) out_ += ", " + count(n) + " " + what;
    };
    also(r_.input.damaged, "damaged");
    also(r_.input.too_long, "too long");
    also(r_.input.keyless, "without a key");
    also(r_.totals.late, "out of order");
    also(r_.totals.keys_forgotten, "keys forgotten");
    out_ += ". ";
    if (r_.totals.requests == 0) {
      out_ += "No requests.</p></header>\n";
      return;
    }
    out_ += count(r_.totals.requests) + " requests of " + count(r_.totals.keys) + " keys (" +
            html_escaped(r_.input.key) + "), " + time(r_.totals.first_s) + " to " + time(r_.totals.last_s) +
            " (" + zone_text(r_.input.zone) + ")." +
            (r_.input.cost_is_bytes ? " A request costs its answer's bytes." : "") +
            (r_.input.spread ? " Requests of one second are spread evenly over it." : "") + "</p></header>\n";
  }

  void card(const char* label, const std::string& value, const std::string& note, const char* kind = "") {
    out_ += "<div class=\"card " + std::string(kind) + "\"><dt>" + label + "</dt><dd>" + value + "<small>" +
            note + "</small></dd></div>\n";
  }

  void cards() {
    out_ += "<section class=\"columns\">\n";
    for (std::size_t c = 0; c < r_.trials.size(); ++c) {
      const Trial& t = r_.trials[c];
      const auto allowed = r_.totals.requests - t.refused;
      out_ += "<div><h2 class=\"trial\">" + name(c) + "</h2><dl class=\"cards\">\n";
      card("allowed", count(allowed), percent(allowed, r_.totals.requests));
      card("refused", count(t.refused),
           percent(t.refused, r_.totals.requests) +
               (t.never > 0 ? ", " + count(t.never) + " could never pass" : ""),
           t.refused > 0 ? "bad" : "");
      card("keys refused", count(t.keys_refused), "of " + count(r_.totals.keys));
      for (std::size_t q = 0; q < t.quotas.size(); ++q)
        card("smallest burst that refuses nobody",
             t.burst_needed[q] ? with_commas(*t.burst_needed[q]) : "2<sup>63</sup>+",
             t.quotas.size() > 1 ? "under " + html_escaped(t.quotas[q].text()) : "at this rate");
      if (r_.target) {
        const std::string goal = "refuses " + html_escaped(r_.target_text) + " % at most, ";
        const auto found = [&](const char* label, const std::optional<Found>& f) {
          card(label, f ? html_escaped(f->quota.text()) : "none",
               f ? goal + "here " + count(f->refused) : goal + "no rate does", "wide");
        };
        found("by its burst", t.burst_found);
        found("by its rate", t.rate_found);
      }
      out_ += "</dl></div>\n";
    }
    out_ += "</section>\n";
  }

  /// Labels below a plot from `begin` to `end`, at round times of the log's own zone.
  void time_axis(std::int64_t begin, std::int64_t end) {
    const std::int64_t step = label_step(end - begin);
    const std::int64_t zone = r_.input.zone;
    out_ += "<div class=\"x\" aria-hidden=\"true\">";
    int n = 0;
    for (std::int64_t at = (begin + zone + step - 1) / step * step - zone; at <= end; at += step, ++n) {
      const double x = 100.0 * static_cast<double>(at - begin) / static_cast<double>(end - begin);
      if (x < 2 || x > 97) continue;  // It would hang over the edge.
      const auto clock = clock_text(at, r_.input.zone);
      const auto date = date_text(at, r_.input.zone).substr(5);
      const std::string text = step >= 86400         ? date
                               : end - begin > 86400 ? date + "<br>" + clock.substr(0, 5)
                               : step < 60           ? clock
                                                     : clock.substr(0, 5);
      out_ += "<span class=\"" + std::string(n % 2 == 0 ? "even" : "odd") +
              "\" style=\"left:" + coordinate(x) + "%\">" + text + "</span>";
    }
    out_ += "</div>";
  }

  void requests_chart(std::size_t c) {
    const auto& intervals = r_.timeline.intervals();
    std::uint64_t most = 1;
    for (const auto& i : intervals) most = std::max(most, i.requests);
    const auto top = round_up(most);
    const auto n = static_cast<double>(intervals.size());
    const auto height = [&](std::uint64_t v) {
      return 100.0 * static_cast<double>(v) / static_cast<double>(top);
    };
    // One path a colour: steps from interval to interval, without seams.
    std::string all = "M0 100", refused = "M0 100", tips;
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      const auto& v = intervals[i];
      const std::string x0 = " H" + coordinate(1000.0 * static_cast<double>(i) / n),
                        x1 = " H" + coordinate(1000.0 * static_cast<double>(i + 1) / n);
      all += x0 + " V" + coordinate(100 - height(v.requests)) + x1;
      refused += x0 + " V" + coordinate(100 - height(v.refused[c])) + x1;
      const auto begin = r_.timeline.begin() + static_cast<std::int64_t>(i) * r_.timeline.width();
      tips += (i == 0 ? "" : "|") + time(begin) + "\u2003" + count(v.requests) + " requests, " +
              count(v.refused[c]) + " refused";
    }
    const std::string every = wait_text(r_.timeline.width() * kNsPerSecond);
    out_ += "<figure><figcaption>" + (r_.trials.size() > 1 ? "<b>" + name(c) + "</b>: " : std::string()) +
            "<i class=\"swatch allowed\"></i> allowed and <i class=\"swatch refused\"></i> refused, every " +
            every +
            "</figcaption><div class=\"chart tall\"><div class=\"y\" aria-hidden=\"true\"><span "
            "style=\"top:0\">" +
            count(top) + "</span><span style=\"top:50%\">" + (top % 2 == 0 ? count(top / 2) : "") +
            "</span><span style=\"top:100%\">0</span></div><div class=\"plot\" tabindex=\"0\" role=\"img\" "
            "aria-label=\"Requests over time: " +
            count(r_.totals.requests) + " in all, at most " + count(most) + " in " + every + "; " +
            count(r_.trials[c].refused) + " refused by " + name(c) +
            ". Arrow keys read single intervals.\" data-tips=\"" + tips + "\">" +
            "<svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path "
            "class=\"grid\" d=\"M0 0H1000M0 50H1000M0 100H1000\"/>"
            "<path class=\"allowed\" d=\"" +
            all + " V100Z\"/><path class=\"refused\" d=\"" + refused + " V100Z\"/></svg></div>";
    time_axis(r_.timeline.begin(),
              r_.timeline.begin() + static_cast<std::int64_t>(intervals.size()) * r_.timeline.width());
    out_ += "</div></figure>\n";
  }

  std::string curve(const LevelCurve& curve) const {
    std::string path;
    const auto n = static_cast<double>(curve.lowest.size());
    for (std::size_t i = 0; i < curve.lowest.size(); ++i)
      path += (i == 0 ? "M" : "L") + coordinate(1000.0 * (static_cast<double>(i) + 0.5) / n) + " " +
              coordinate(100 - 100 * curve.lowest[i]);
    return path;
  }

  void level_chart(const LevelChart& chart) {
    const auto intervals = chart.curves.front().lowest.size();
    const auto n = static_cast<double>(intervals);
    const bool tokens = r_.trials.size() == 1 && r_.trials[0].quotas.size() == 1;
    const auto capacity = r_.trials[0].quotas[0].capacity();
    std::string tips, marks;
    std::uint64_t refused = 0;
    for (std::size_t i = 0; i < intervals; ++i) {
      tips += (i == 0 ? "" : "|") + time(r_.grid.begin_s + static_cast<std::int64_t>(i) * r_.grid.width_s);
      for (std::size_t c = 0; c < chart.curves.size(); ++c) {
        const auto& curve = chart.curves[c];
        tips += "\u2003" + (chart.curves.size() > 1 ? name(c) + ": " : std::string()) +
                (tokens ? coordinate(curve.lowest[i] * static_cast<double>(capacity)) + " tokens"
                        : coordinate(100 * curve.lowest[i]) + " %") +
                (curve.refused[i] > 0 ? ", " + count(curve.refused[i]) + " refused" : "");
      }
      refused += chart.curves[0].refused[i];
      if (chart.curves[0].refused[i] > 0)
        marks += "M" + coordinate(1000.0 * static_cast<double>(i) / n) + " 0h" +
                 coordinate(std::max(1000.0 / n, 3.0)) + "V100h-" + coordinate(std::max(1000.0 / n, 3.0)) +
                 "Z";
    }
    out_ += "<figure><figcaption><b class=\"key\">" + html_escaped(chart.key) + "</b> <small>" +
            count(refused) + " refused" + (r_.trials.size() > 1 ? " by " + name(0) : std::string()) +
            "</small></figcaption><div class=\"chart\"><div class=\"y\" aria-hidden=\"true\"><span "
            "style=\"top:0\">" +
            (tokens ? with_commas(capacity) : "100 %") + "</span><span style=\"top:100%\">0</span></div>" +
            "<div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"Level of the bucket of " +
            html_escaped(chart.key) + " over time; arrow keys read single intervals.\" data-tips=\"" + tips +
            "\"><svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path "
            "class=\"grid\" d=\"M0 0H1000M0 50H1000M0 100H1000\"/>"
            "<path class=\"mark\" d=\"" +
            marks + "\"/>";
    for (std::size_t c = chart.curves.size(); c-- > 0;)
      out_ += "<path class=\"level level" + std::to_string(c) + "\" d=\"" + curve(chart.curves[c]) + "\"/>";
    out_ += "</svg></div>";
    time_axis(r_.grid.begin_s, r_.grid.begin_s + static_cast<std::int64_t>(intervals) * r_.grid.width_s);
    out_ += "</div></figure>\n";
  }

  void levels() {
    if (r_.levels.empty()) return;
    out_ += "<section><h2>Level of the bucket, worst keys</h2><p>The emptiest that the bucket was in every " +
            wait_text(r_.grid.width_s * kNsPerSecond) + ": ";
    for (std::size_t c = 0; c < r_.trials.size(); ++c)
      out_ += (c == 0 ? "" : ", ") + ("<i class=\"swatch line" + std::to_string(c)) + "\"></i> " + name(c);
    out_ += "; <i class=\"swatch refused\"></i> requests refused" +
            (r_.trials.size() > 1 ? " by " + name(0) : std::string()) +
            ". A full bucket is at the top.</p><div class=\"columns\">\n";
    for (const auto& chart : r_.levels) level_chart(chart);
    out_ += "</div></section>\n";
  }

  void worst() {
    for (std::size_t c = 0; c < r_.trials.size(); ++c) {
      const Trial& t = r_.trials[c];
      out_ += "<section><h2>Worst keys under " + name(c) + "</h2>";
      if (t.worst.empty()) {
        out_ += "<p>Nobody would have been refused.</p></section>\n";
        continue;
      }
      out_ += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Worst keys under " +
              name(c) +
              "\"><table><thead><tr><th scope=\"col\">key</th><th scope=\"col\">requests</th><th "
              "scope=\"col\">refused</th>"
              "<th scope=\"col\">share</th><th scope=\"col\">first refusal</th><th scope=\"col\">longest "
              "wait</th>"
              "<th scope=\"col\">needs burst</th></tr></thead><tbody>\n";
      for (const auto& w : t.worst)
        out_ += "<tr><th scope=\"row\" class=\"key\">" + html_escaped(w.key) + "</th><td>" +
                count(w.requests) + "</td><td>" + count(w.outcome.refused) + "</td><td>" + percent_cell(w) +
                "</td><td>" + time(w.outcome.first_refusal_s) + "</td><td>" +
                wait_text(w.outcome.longest_wait_ns) + "</td><td>" +
                (w.burst_needed ? with_commas(*w.burst_needed) : "2<sup>63</sup>+") + "</td></tr>\n";
      out_ += "</tbody></table></div></section>\n";
    }
  }
  static std::string percent_cell(const WorstKey& w) {
    return html_escaped(percent(w.outcome.refused, w.requests));
  }

  void table_of_times() {
    out_ +=
        "<details><summary>The counts over time as a table</summary><div class=\"scroll\" tabindex=\"0\" "
        "role=\"region\" "
        "aria-label=\"Counts over time\"><table><thead><tr><th scope=\"col\">from</th><th "
        "scope=\"col\">requests</th>";
    for (std::size_t c = 0; c < r_.trials.size(); ++c)
      out_ += "<th scope=\"col\">refused by " + name(c) + "</th>";
    out_ += "</tr></thead><tbody>\n";
    for (std::size_t i = 0; i < r_.timeline.intervals().size(); ++i) {
      const auto& v = r_.timeline.intervals()[i];
      out_ += "<tr><th scope=\"row\">" +
              time(r_.timeline.begin() + static_cast<std::int64_t>(i) * r_.timeline.width()) + "</th><td>" +
              count(v.requests) + "</td>";
      for (std::size_t c = 0; c < r_.trials.size(); ++c) out_ += "<td>" + count(v.refused[c]) + "</td>";
      out_ += "</tr>\n";
    }
    out_ += "</tbody></table></div></details>\n";
  }

  const Report& r_;
  std::string out_;
};

}  // namespace

std::string report_html(const Report& report) { return Page(report).write(); }

}  // namespace sluice::simulate
