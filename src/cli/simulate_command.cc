#include "cli/simulate_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "simulate/simulate.h"
#include "simulate/text.h"

namespace sluice::cli {
namespace {

struct Arguments {
  std::vector<std::string> files;
  std::string quota, compare, limits, limit, key = "ip", report, target, cost = "1";
  bool json = false, spread = false;
  std::size_t top = 10, max_keys = 1'000'000;
};

constexpr const char* kFooter = R"(Examples:
  sluice simulate access.log --quota "10/min burst 20"
  sluice simulate access.log* --quota "10/min burst 20" --compare "30/min" --report out.html
  sluice simulate access.log --quota 100/min --target-refused 0.1%
  zcat access.log.*.gz | sluice simulate - --quota 5/s --key '/"api_key=(\w+)/' --json

Exit code: 0 nobody would have been refused, 1 somebody would have, 2 an error.)";

Error usage(std::string message) { return {Code::invalid_argument, std::move(message)}; }

Result<std::vector<simulate::Contender>> contenders(const Arguments& a, const LimitsReader& read_limits) {
  std::vector<simulate::Contender> all;
  if (a.quota.empty() == a.limit.empty())
    return usage("say what to try: either --quota \"10/min burst 20\" or --limits FILE with --limit NAME");
  if (a.limits.empty() != a.limit.empty()) return usage("--limits FILE and --limit NAME need each other");
  if (!a.limit.empty()) {
    if (!read_limits)
      return usage("--limits: this program was built without the reader for files of limits; use --quota");
    const auto set = read_limits(a.limits);
    if (!set) return set.error();
    const auto* const limit = set->find(a.limit);
    if (limit == nullptr) {
      std::string names;
      for (const auto& l : set->all()) names += (names.empty() ? "" : ", ") + l.name;
      return usage(a.limits + ": no limit '" + a.limit + "'; there are: " + (names.empty() ? "none" : names));
    }
    std::string name = limit->name + ":";
    for (const auto& quota : limit->quotas) name += (name.back() == ':' ? " " : ", ") + quota.text();
    all.emplace_back(name, limit->quotas);
  }
  for (const auto& text : {a.quota, a.compare}) {
    if (text.empty()) continue;
    const auto quota = Quota::parse(text);
    if (!quota) return quota.error();
    all.emplace_back(quota->text(), std::vector{*quota});
  }
  return all;
}

Result<simulate::Options> options_of(const Arguments& a, const LimitsReader& read_limits) {
  auto trials = contenders(a, read_limits);
  if (!trials) return trials.error();
  auto key = simulate::KeyOf::parse(a.key);
  if (!key) return key.error();
  if (a.cost != "1" && a.cost != "bytes") return usage("--cost '" + a.cost + "': use 1 or bytes");
  simulate::Options options(a.files, std::move(*trials), std::move(*key));
  options.cost_is_bytes = a.cost == "bytes";
  options.spread = a.spread;
  options.top = a.top;
  options.max_keys = a.max_keys;
  options.charts = !a.report.empty();
  if (!a.target.empty()) {
    const auto share = simulate::Share::parse_percent(a.target);
    if (!share) return Error{share.error().code, "--target-refused: " + share.error().message};
    for (const auto& trial : options.contenders)
      if (trial.quotas().size() > 1)
        return usage("--target-refused searches one quota at a time, and limit '" + a.limit +
                     "' has several; give one with --quota");
    options.target = *share;
    options.target_text = a.target.substr(0, a.target.find_first_of(" %"));
  }
  return options;
}

/// A line on the terminal that is written over and wiped at the end. Nothing where the output is no terminal.
class ProgressBar {
 public:
  ProgressBar() : on_(::isatty(STDERR_FILENO) == 1) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { wipe(); }

  void show(const simulate::Progress& p) {
    if (!on_) return;
    if (p.searching)
      return draw("replaying " + simulate::with_commas(static_cast<Int128>(p.lines)) + " lines");
    if (p.done < next_) return;
    next_ = p.done + kStep;
    const std::string lines = simulate::with_commas(static_cast<Int128>(p.lines)) + " lines";
    if (p.of == 0) return draw(lines);
    const auto share = std::min<std::uint64_t>(p.done * 100 / p.of, 100);
    std::string bar;
    for (std::uint64_t i = 0; i < 25; ++i) bar += i < share / 4 ? "█" : "░";
    draw(bar + " " + std::to_string(share) + " %  " + lines);
  }
  void wipe() {
    if (std::exchange(drawn_, false)) std::fputs("\r\x1b[K", stderr);
  }

 private:
  static constexpr std::uint64_t kStep = std::uint64_t{8} << 20;  // Short input shows none.
  void draw(const std::string& text) {
    std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
    std::fflush(stderr);
    drawn_ = true;
  }
  const bool on_;
  bool drawn_ = false;
  std::uint64_t next_ = kStep;
};

Status write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return Error{Code::unavailable, "--report " + path + ": " + std::strerror(errno)};
  return Done{};
}

/// What makes a result worth little, and what to do about it.
void warn(const simulate::Report& r) {
  const auto say = [](const std::string& text) {
    std::fprintf(stderr, "sluice simulate: %s\n", text.c_str());
  };
  if (r.totals.late * 100 > r.totals.requests)
    say("warning: " + simulate::percent(r.totals.late, r.totals.requests) +
        " of the requests are older than a line before them and count as later than they were; the log's "
        "time leaps by " +
        simulate::wait_text(r.input.largest_jump_s * simulate::kNsPerSecond) + " at " +
        simulate::printable(r.input.largest_jump) +
        ": if that line's date is wrong remove it, else sort the log");
  const auto bad = r.input.damaged + r.input.too_long;
  if (bad * 10 > r.input.lines)
    say("warning: " + simulate::percent(bad, r.input.lines) +
        " of the lines were not understood, the first is " + simulate::printable(r.input.first_damaged));
}

Result<int> run(const Arguments& a, const LimitsReader& read_limits) {
  auto options = options_of(a, read_limits);
  if (!options) return options.error();
  ProgressBar bar;
  const auto report = simulate::simulate(std::move(*options), [&bar](const auto& p) { bar.show(p); });
  bar.wipe();
  if (!report) return report.error();
  warn(*report);
  if (!a.report.empty())
    if (const auto written = write_file(a.report, simulate::report_html(*report)); !written)
      return written.error();
  const std::string text = a.json ? simulate::report_json(*report)
                                  : simulate::report_text(*report, ::isatty(STDOUT_FILENO) == 1 &&
                                                                       std::getenv("NO_COLOR") == nullptr);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return Error{Code::unavailable, std::string("standard output: ") + std::strerror(errno)};
  return report->trials.front().refused > 0 ? 1 : 0;
}

}  // namespace

void add_simulate(CLI::App& program, int& exit_code, LimitsReader read_limits) {
  auto* const command =
      program.add_subcommand("simulate", "Replay an access log: who would have been refused?");
  const auto a = std::make_shared<Arguments>();  // Lives as long as the callback does.
  command->footer(kFooter);
  command
      ->add_option("ACCESS_LOG", a->files,
                   "Files in the common or combined format, plain or gzip; - is the standard input")
      ->required();
  command->add_option("--quota", a->quota, "What to try, as in \"10/min burst 20\"");
  command->add_option("--limits", a->limits, "Or: a file of named limits, and");
  command->add_option("--limit", a->limit, "the name of the limit in it");
  command->add_option("--compare", a->compare, "A second quota, side by side with the first");
  command
      ->add_option("--key", a->key,
                   "Whom to count: ip, user, path or /regex/ (its first group, or the match)")
      ->capture_default_str();
  command->add_option("--cost", a->cost, "What a request costs: 1, or the bytes of its answer")
      ->capture_default_str();
  command->add_option("--target-refused", a->target,
                      "Find the quota that would refuse at most P %, as in 0.5%");
  command->add_flag("--spread", a->spread, "Spread the requests of one second evenly over it");
  command->add_option("--top", a->top, "How many of the worst keys to show")
      ->capture_default_str()
      ->check(CLI::Range(0, 10000));
  command
      ->add_option("--max-keys", a->max_keys,
                   "Keys to hold at once; above it those with full buckets are forgotten")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  command->add_flag("--json", a->json, "Print one JSON object");
  command->add_option("--report", a->report, "Write a self-contained HTML report to this file");
  command->callback([a, &exit_code, read_limits = std::move(read_limits)] {
    const auto result = run(*a, read_limits);
    if (!result)
      std::fprintf(stderr, "sluice simulate: %s\n", simulate::printable(result.error().message).c_str());
    exit_code = result ? *result : 2;
  });
}

}  // namespace sluice::cli
