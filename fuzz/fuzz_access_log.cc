// Any bytes, as a log: lines are cut, parsed, keyed, replayed and reported. What is checked beyond crashes:
// fields are parts of their line, every line is counted once, and the page holds no tag that the log wrote.
#include <cstdlib>
#include <cstring>

#include "simulate/key_of.h"
#include "simulate/line_reader.h"
#include "simulate/report.h"

namespace {

using namespace sluice::simulate;

class Bytes final : public ByteSource {
 public:
  Bytes(const char* data, std::size_t size, std::size_t cut) : data_(data), size_(size), cut_(cut) {}
  sluice::Result<std::size_t> read(char* to, std::size_t size) override {
    const auto n = std::min({size, cut_, size_ - at_});
    std::memcpy(to, data_ + at_, n);
    at_ += n;
    return n;
  }
  std::uint64_t consumed() const override { return at_; }

 private:
  const char* data_;
  std::size_t size_, cut_, at_ = 0;
};

void check(bool holds) {
  if (!holds) std::abort();
}
bool within(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes source(reinterpret_cast<const char*>(data + 1), size - 1, std::size_t{data[0] & 63U} + 1);
  LineReader reader(source);
  AccessLogParser parser;
  static const KeyOf kKeys[] = {*KeyOf::parse("ip"), *KeyOf::parse("path"), *KeyOf::parse("/GET (.*)/")};
  const KeyOf& key_of = kKeys[(data[0] >> 6) % 3];
  const sluice::Quota quota = *sluice::Quota::parse("2/min burst 3");
  Simulation simulation({.spread = (data[0] & 1) != 0, .keep_events = true}, {Contender("fuzz", {quota})});
  Report report{.input = {},
                .totals = {},
                .timeline = Timeline(),
                .trials = {},
                .target = {},
                .target_text = {},
                .target_budget = 0,
                .grid = {},
                .levels = {}};
  for (;;) {
    std::string_view line;
    const auto next = reader.next(line);
    check(static_cast<bool>(next));
    if (*next == LineReader::Next::end) break;
    ++report.input.lines;
    Entry entry;
    std::string_view key;
    if (*next == LineReader::Next::too_long || !parser.parse(line, entry) || !key_of(line, entry, key)) {
      ++report.input.damaged;
      continue;
    }
    check(within(entry.host, line) && within(entry.user, line) && within(entry.request, line) &&
          entry.bytes >= 0);
    check(static_cast<bool>(simulation.add(entry.second, key, entry.bytes % 5)));
  }
  simulation.finish();
  report.totals = simulation.totals();
  check(report.totals.requests + report.input.damaged == report.input.lines);
  report.timeline = simulation.timeline();
  const auto& contender = simulation.contenders()[0];
  Trial trial{.name = "fuzz",
              .quotas = {quota},
              .refused = contender.refused(),
              .never = contender.never(),
              .keys_refused = contender.keys_refused(),
              .refused_cost = contender.refused_cost(),
              .burst_needed = {contender.burst_needed(0)},
              .worst = {},
              .burst_found = {},
              .rate_found = {}};
  check((contender.burst_needed(0) <= 3) == (contender.refused() == 0));
  for (const auto index : simulation.worst(0, 5))
    trial.worst.push_back({std::string(simulation.key(index)), simulation.requests(index),
                           contender.outcome(index), contender.burst_needed(0, index)});
  report.trials.push_back(std::move(trial));
  const auto page = report_html(report);
  std::size_t scripts = 0;
  for (auto at = page.find("<script"); at != std::string::npos; at = page.find("<script", at + 1)) ++scripts;
  check(scripts == 1);
  for (const char c : report_text(report, false)) check(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  check(report_json(report).ends_with("}\n"));
  return 0;
}
