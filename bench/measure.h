// measure.h: what the benchmarks that are programs share: processor time, spread, memory, and the line that
// bench/run gathers into its closing table.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace sluice::bench {

/// This thread's time on a processor. Other programs on the machine do not count; a cache they empty does.
inline double thread_cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

inline void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);
}

inline double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

struct Spread {
  double median, min, max;
};

inline Spread spread(std::vector<double> runs) {
  std::sort(runs.begin(), runs.end());
  return {runs[runs.size() / 2], runs.front(), runs.back()};
}

/// One line of the closing table. `bound` is in words; `kept` says whether the figure keeps it.
inline bool result(const std::string& name, double value, const char* unit, const std::string& bound,
                   bool kept) {
  std::printf("RESULT\t%s\t%.3g %s\t%s\t%s\n", name.c_str(), value, unit, bound.c_str(), kept ? "yes" : "NO");
  std::fflush(stdout);
  return kept;
}

}  // namespace sluice::bench
