#include "simulate/simulate.h"

#include <sys/stat.h>

#include <algorithm>

#include "simulate/line_reader.h"
#include "simulate/text.h"

namespace sluice::simulate {
namespace {

constexpr std::size_t kChartedKeys = 6;
constexpr std::int64_t kChartIntervals = 240;

/// Reads the files into a simulation.
class Reading {
 public:
  Reading(const Options& options, Input& input, Simulation& simulation, const OnProgress& on_progress)
      : options_(options), input_(input), simulation_(simulation), on_progress_(on_progress) {}

  Status run(const std::vector<std::string>& files) {
    for (const auto& file : files) {
      struct stat about{};
      if (file == "-" || ::stat(file.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) {
        progress_.of = 0;
        break;
      }
      progress_.of += static_cast<std::uint64_t>(about.st_size);
    }
    for (const auto& file : files)
      if (const auto read = read_file(file); !read) return read.error();
    simulation_.finish();
    return Done{};
  }

 private:
  Status read_file(const std::string& file) {
    const auto source = ByteSource::open(file);
    if (!source) return source.error();
    LineReader lines(**source);
    std::uint64_t number = 0;
    const std::uint64_t before = progress_.done;
    for (;;) {
      std::string_view line;
      const auto next = lines.next(line);
      if (!next) return next.error();
      if (*next == LineReader::Next::end) return Done{};
      ++number;
      ++input_.lines;
      if (on_progress_ && before + (*source)->consumed() != progress_.done) {
        progress_.done = before + (*source)->consumed();
        progress_.lines = input_.lines;
        on_progress_(progress_);
      }
      if (*next == LineReader::Next::too_long) {
        ++input_.too_long;
        continue;
      }
      if (const auto added = add(line, file, number); !added)
        return Error{added.error().code, file + ":" + std::to_string(number) + ": " + added.error().message};
    }
  }

  Status add(std::string_view line, const std::string& file, std::uint64_t number) {
    Entry entry;
    if (!parser_.parse(line, entry)) {
      if (input_.damaged++ == 0) input_.first_damaged = file + ":" + std::to_string(number);
      return Done{};
    }
    std::string_view key;
    if (!options_.key(line, entry, key)) {
      ++input_.keyless;
      return Done{};
    }
    if (simulation_.totals().requests == 0) {
      input_.zone = entry.zone;
      simulation_.set_zone(entry.zone);
      last_second_ = entry.second;
    }
    if (entry.second > last_second_) {
      if (entry.second - last_second_ > input_.largest_jump_s) {
        input_.largest_jump_s = entry.second - last_second_;
        input_.largest_jump = file + ":" + std::to_string(number);
      }
      last_second_ = entry.second;
    }
    return simulation_.add(entry.second, key, options_.cost_is_bytes ? entry.bytes : 1);
  }

  const Options& options_;
  Input& input_;
  Simulation& simulation_;
  const OnProgress& on_progress_;
  AccessLogParser parser_;
  std::uint32_t last_second_ = 0;
  Progress progress_;
};

/// The time of a file's first readable line, of the first thousand; 0 if there is none.
Result<std::uint32_t> first_second(const std::string& file) {
  const auto source = ByteSource::open(file);
  if (!source) return source.error();
  LineReader lines(**source);
  AccessLogParser parser;
  for (int i = 0; i < 1000; ++i) {
    std::string_view line;
    const auto next = lines.next(line);
    if (!next) return next.error();
    if (*next == LineReader::Next::end) break;
    Entry entry;
    if (*next == LineReader::Next::line && parser.parse(line, entry)) return entry.second;
  }
  return std::uint32_t{0};
}

/// Rotated logs are named newest first; a shell lists them so. Their own times say what order they belong in.
Result<std::vector<std::string>> in_order(const std::vector<std::string>& files) {
  if (files.size() < 2 || std::find(files.begin(), files.end(), "-") != files.end()) return files;
  std::vector<std::pair<std::uint32_t, std::string>> timed;
  for (const auto& file : files) {
    struct stat about{};
    if (::stat(file.c_str(), &about) == 0 && !S_ISREG(about.st_mode))
      return files;  // A pipe can be read but once.
    const auto second = first_second(file);
    if (!second) return second.error();
    timed.emplace_back(*second, file);
  }
  const auto earlier = [](const auto& a, const auto& b) { return a.first < b.first; };
  for (auto at = timed.begin(); at != timed.end(); ++at)  // Stable, and logs are few.
    std::rotate(std::upper_bound(timed.begin(), at, *at, earlier), at, at + 1);
  std::vector<std::string> sorted;
  for (auto& [second, file] : timed) sorted.push_back(std::move(file));
  return sorted;
}

Trial trial_of(const Simulation& simulation, std::size_t c, std::size_t top) {
  const Contender& contender = simulation.contenders()[c];
  Trial trial;
  trial.name = contender.name();
  trial.quotas = contender.quotas();
  trial.refused = contender.refused();
  trial.never = contender.never();
  trial.keys_refused = contender.keys_refused();
  trial.refused_cost = contender.refused_cost();
  for (std::size_t q = 0; q < trial.quotas.size(); ++q)
    trial.burst_needed.push_back(contender.burst_needed(q));
  for (const auto index : simulation.worst(c, top))
    trial.worst.push_back({std::string(simulation.key(index)), simulation.requests(index),
                           contender.outcome(index), contender.burst_needed(0, index)});
  return trial;
}

Status search(const Options& options, const Simulation& simulation, Report& report) {
  report.target = options.target;
  report.target_text = options.target_text;
  report.target_budget = options.target->of(report.totals.requests);
  Replayer replayer(simulation.events(), simulation.keys(), options.spread);
  for (auto& trial : report.trials) {
    if (!trial.burst_needed[0])
      return Error{Code::out_of_range,
                   "the burst that refuses nobody under '" + trial.name + "' is 2^63 or more"};
    const auto burst = find_burst(replayer, trial.quotas[0], *trial.burst_needed[0], report.target_budget);
    if (!burst) return burst.error();
    const auto rate = find_rate(replayer, trial.quotas[0], options.spread, report.target_budget);
    if (!rate) return rate.error();
    trial.burst_found = *burst;
    trial.rate_found = *rate;
  }
  return Done{};
}

/// The keys whose buckets are drawn: the worst of each contender in turn.
Status draw(const Options& options, const Simulation& simulation, Report& report) {
  std::vector<std::uint32_t> charted;
  std::vector<std::vector<std::uint32_t>> worst;
  for (std::size_t c = 0; c < report.trials.size(); ++c) worst.push_back(simulation.worst(c, kChartedKeys));
  for (std::size_t i = 0; i < kChartedKeys; ++i)
    for (const auto& keys : worst)
      if (i < keys.size() && charted.size() < kChartedKeys &&
          std::find(charted.begin(), charted.end(), keys[i]) == charted.end())
        charted.push_back(keys[i]);

  const auto& totals = report.totals;
  const std::int64_t span = std::int64_t{totals.last_s} - totals.first_s + 1;
  report.grid.width_s = (span + kChartIntervals - 1) / kChartIntervals;
  report.grid.begin_s = totals.first_s;
  report.grid.intervals = static_cast<std::size_t>((span + report.grid.width_s - 1) / report.grid.width_s);

  std::vector<std::uint32_t> serials;
  for (const auto index : charted) {
    report.levels.push_back({std::string(simulation.key(index)), {}});
    serials.push_back(simulation.serial(index));
  }
  if (charted.empty()) return Done{};
  for (const auto& contender : simulation.contenders()) {
    auto curves = level_curves(simulation.events(), contender, options.spread, serials, report.grid);
    if (!curves) return curves.error();
    for (std::size_t k = 0; k < charted.size(); ++k)
      report.levels[k].curves.push_back(std::move((*curves)[k]));
  }
  return Done{};
}

Error nothing_read(const Input& input) {
  if (input.keyless > 0 && input.damaged + input.too_long == 0)
    return {Code::invalid_argument, "no line has a key '" + input.key + "'; choose another with --key"};
  return {Code::invalid_argument,
          (input.first_damaged.empty() ? input.files.front() : input.first_damaged) +
              ": not an access log in the common or combined format, as in: 192.0.2.1 - - "
              "[01/Aug/1995:00:00:01 -0400] \"GET / HTTP/1.1\" 200 1839"};
}

}  // namespace

Result<Report> simulate(Options options, const OnProgress& on_progress) {
  Report report;
  const auto files = in_order(options.files);
  if (!files) return files.error();
  report.input.files = *files;
  report.input.key = options.key.text();
  report.input.cost_is_bytes = options.cost_is_bytes;
  report.input.spread = options.spread;

  Simulation simulation({.spread = options.spread,
                         .keep_events = options.charts || options.target.has_value(),
                         .max_keys = options.max_keys,
                         .may_forget = !options.target.has_value()},
                        std::move(options.contenders));
  Reading reading(options, report.input, simulation, on_progress);
  if (const auto read = reading.run(*files); !read) return read.error();
  if (simulation.totals().requests == 0 && report.input.lines > 0) return nothing_read(report.input);

  report.totals = simulation.totals();
  report.timeline = simulation.timeline();
  for (std::size_t c = 0; c < simulation.contenders().size(); ++c)
    report.trials.push_back(trial_of(simulation, c, options.top));
  if (on_progress && (options.target || options.charts))
    on_progress({.lines = report.input.lines, .searching = true});
  if (options.target)
    if (const auto searched = search(options, simulation, report); !searched) return searched.error();
  if (options.charts && report.totals.requests > 0)
    if (const auto drawn = draw(options, simulation, report); !drawn) return drawn.error();
  return report;
}

}  // namespace sluice::simulate
