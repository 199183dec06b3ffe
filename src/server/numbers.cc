#include "server/numbers.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "server/log.h"

namespace sluice::server {

namespace {

using observe::Family;
using Kind = Family::Kind;
constexpr auto relaxed = std::memory_order_relaxed;

Family one(const char* name, const char* help, Kind kind, double value) {
  return {name, help, kind, {{{}, value}}};
}
Family gauge(const char* name, const char* help, double value) { return one(name, help, Kind::gauge, value); }
Family counter(const char* name, const char* help, double value) {
  return one(name, help, Kind::counter, value);
}
double number(std::uint64_t n) { return static_cast<double>(n); }

void connections(std::vector<Family>& all, std::span<const DoorTotals> doors) {
  const auto by_door = [&](const char* name, const char* help, Kind kind, std::uint64_t NetTotals::* member) {
    Family family{name, help, kind, {}};
    for (const auto& d : doors)
      family.samples.push_back({{{"door", std::string(d.door)}}, number(d.net.*member)});
    all.push_back(std::move(family));
  };
  by_door("sluice_connections", "Connections now.", Kind::gauge, &NetTotals::open);
  by_door("sluice_connections_accepted_total", "Connections since the start.", Kind::counter,
          &NetTotals::accepted);
  by_door("sluice_connections_refused_total", "Beyond max_connections: told so and closed.", Kind::counter,
          &NetTotals::refused);
  by_door("sluice_connections_refused_by_address_total", "Beyond max_connections_per_address, likewise.",
          Kind::counter, &NetTotals::refused_address);
  by_door("sluice_turns_yielded_total", "A connection had its share of a turn, and more to ask.",
          Kind::counter, &NetTotals::turns_yielded);
  by_door("sluice_accept_errors_total", "Accepting paused, for instance for lack of open files.",
          Kind::counter, &NetTotals::accept_errors);
  by_door("sluice_read_bytes_total", "Bytes from clients.", Kind::counter, &NetTotals::bytes_in);
  by_door("sluice_written_bytes_total", "Bytes to clients.", Kind::counter, &NetTotals::bytes_out);
  Family closed{"sluice_connections_closed_total",
                "By reason: the setting whose time was up, or end (of either side).",
                Kind::counter,
                {}};
  for (const auto& d : doors) {
    const NetTotals& n = d.net;
    const auto timed =
        n.closed_idle + n.closed_partial + n.closed_stall + n.closed_handshake + n.closed_memory;
    const auto ended = n.accepted - std::min(n.accepted, n.open + timed);  // Not all counted at one moment.
    for (const auto& [reason, count] :
         {std::pair("idle", n.closed_idle), std::pair("request_time", n.closed_partial),
          std::pair("output_time", n.closed_stall), std::pair("tls_handshake_time", n.closed_handshake),
          std::pair("max_buffered", n.closed_memory), std::pair("end", ended)})
      closed.samples.push_back({{{"door", std::string(d.door)}, {"reason", reason}}, number(count)});
  }
  all.push_back(std::move(closed));
}

void load_numbers(std::vector<Family>& all, std::span<const DoorTotals> doors, const LoadTotals& load,
                  const Config& config) {
  Family shed{"sluice_requests_shed_total", "Answered that the server is overloaded.", Kind::counter, {}};
  for (const auto& d : doors) shed.samples.push_back({{{"door", std::string(d.door)}}, number(d.shed)});
  all.push_back(std::move(shed));
  all.push_back(gauge("sluice_loops_overloaded", "Loops that are behind by more than shed_after.",
                      number(load.behind)));
  all.push_back(counter("sluice_overloads_total", "Times that a loop fell behind so.", number(load.times)));
  all.push_back(
      gauge("sluice_loop_wait_seconds",
            "How long what was ready waited lately for its turn, on the loop where that was longest.",
            static_cast<double>(load.waited.count()) / 1e9));
  all.push_back(gauge("sluice_buffered_bytes", "Unfinished requests and replies not taken.",
                      static_cast<double>(load.buffered)));
  all.push_back(gauge("sluice_buffered_bytes_max", "The setting max_buffered.",
                      static_cast<double>(config.max_buffered.count)));
}

void tls_numbers(std::vector<Family>& all, std::span<const DoorTotals> doors, const Process& process) {
  const auto expires = process.tls_expires.load(relaxed);
  if (expires == 0) return;
  Family shaken{"sluice_tls_handshakes_total",
                "By outcome: done, or failed by what the client said; slow ones are "
                "sluice_connections_closed_total{reason=\"tls_handshake_time\"}.",
                Kind::counter,
                {}};
  for (const auto& d : doors)
    for (const auto& [outcome, count] :
         {std::pair("done", d.net.handshakes), std::pair("failed", d.net.handshakes_failed)})
      shaken.samples.push_back({{{"door", std::string(d.door)}, {"outcome", outcome}}, number(count)});
  all.push_back(std::move(shaken));
  all.push_back(gauge("sluice_tls_certificate_expiry_timestamp_seconds",
                      "When the certificate in force expires, since 1970.", static_cast<double>(expires)));
  all.push_back(counter("sluice_tls_reloads_total", "Sets of TLS's files taken over since the start.",
                        number(process.tls_reloads.load(relaxed))));
  all.push_back(counter("sluice_tls_rejected_total",
                        "Sets of TLS's files refused since the start; the log says why.",
                        number(process.tls_rejected.load(relaxed))));
}

void token_numbers(std::vector<Family>& all, std::span<const DoorTotals> doors, const Process& process) {
  if (doors.empty() || doors.front().denials == nullptr) return;
  Family denied{"sluice_denied_total",
                "Requests turned away, by reason: unauthenticated (no token, or none that is known), or "
                "forbidden (the token lacks the role, or is for other limits).",
                Kind::counter,
                {}};
  for (const auto& d : doors)
    for (const auto& [reason, count] : {std::pair("unauthenticated", &d.denials->unauthenticated),
                                        std::pair("forbidden", &d.denials->forbidden)})
      denied.samples.push_back(
          {{{"door", std::string(d.door)}, {"reason", reason}}, number(count->load(relaxed))});
  all.push_back(std::move(denied));
  all.push_back(counter("sluice_tokens_reloads_total", "Files of tokens taken over since the start.",
                        number(process.tokens_reloads.load(relaxed))));
  all.push_back(counter("sluice_tokens_rejected_total",
                        "Files of tokens refused since the start; the log says why.",
                        number(process.tokens_rejected.load(relaxed))));
}

void snapshot_numbers(std::vector<Family>& all, const Snapshots& snapshots) {
  if (!snapshots.wanted()) return;
  const SnapshotNumbers& n = snapshots.numbers();
  all.push_back(counter("sluice_snapshots_total", "Snapshots saved.", number(n.saved.load(relaxed))));
  all.push_back(counter("sluice_snapshots_failed_total",
                        "Snapshots that could not be saved; the log says why.",
                        number(n.failed.load(relaxed))));
  all.push_back(gauge("sluice_snapshot_keys", "Buckets in the last one.", number(n.buckets.load(relaxed))));
  all.push_back(gauge("sluice_snapshot_bytes", "Bytes of the last one.", number(n.bytes.load(relaxed))));
  all.push_back(gauge("sluice_snapshot_seconds", "How long the last one took to save.",
                      static_cast<double>(n.duration_ns.load(relaxed)) / 1e9));
  all.push_back(gauge("sluice_snapshot_timestamp_seconds",
                      "When the last one was saved, since 1970; 0: none yet.",
                      static_cast<double>(n.wall_seconds.load(relaxed))));
}

void shared_numbers(std::vector<Family>& all, const SharedNumbers& n) {
  all.push_back(
      gauge("sluice_store_up",
            "1 while every loop is connected to the shared store, in a Cluster to all its primaries, "
            "and asks it.",
            n.up.load(relaxed) ? 1 : 0));
  Family asks{"sluice_store_asks_total",
              "By who decided: the store, a refusal remembered from it, tokens charged ahead (leased), or "
              "on_store_failure (degraded).",
              Kind::counter,
              {}};
  for (const AskOrigin& origin : ask_origins())
    asks.samples.push_back({{{"origin", origin.name}}, number((n.*origin.number).load(relaxed))});
  all.push_back(std::move(asks));
  for (const SharedMetric& m : shared_metrics())
    all.push_back(one(m.name, m.help, m.kind, number((n.*m.number).load(relaxed))));
}

std::uint64_t open_files() {
  struct stat info{};
  if (::stat("/proc/self/fd", &info) == 0 && info.st_size > 0)
    return static_cast<std::uint64_t>(info.st_size);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  std::uint64_t n = 0;
  while (folder && ::readdir(folder.get()) != nullptr) ++n;
  return n > 3 ? n - 3 : 0;  // Less ".", ".." and the folder itself.
}

void log_lines(std::vector<Family>& all) {
  const LogNumbers n = log_numbers();
  all.push_back(counter("sluice_log_lines_total", "Lines of the log that were written.", number(n.written)));
  Family left{"sluice_log_left_out_total",
              "Lines that were not: many of their kind (limited), or not read in time, or no room on the "
              "disk (lost).",
              Kind::counter,
              {{{{"reason", "limited"}}, number(n.limited)}, {{{"reason", "lost"}}, number(n.lost)}}};
  all.push_back(std::move(left));
}

/// Under the names that Prometheus's own libraries use.
void process_numbers(std::vector<Family>& all, const Process& process) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  all.push_back(counter("process_cpu_seconds_total", "CPU time, of the system's part too.",
                        seconds(used.ru_utime) + seconds(used.ru_stime)));
  all.push_back(gauge("process_resident_memory_bytes", "Memory in use.", number(resident_bytes())));
  all.push_back(gauge("process_open_fds", "Open files.", number(open_files())));
  all.push_back(gauge("process_max_fds", "How many there may be.", number(files.rlim_cur)));
  all.push_back(gauge("process_start_time_seconds", "When the server started, since 1970.",
                      static_cast<double>(process.started_wall_ns) / 1e9));
}

}  // namespace

std::uint64_t resident_bytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                             std::fclose);
  unsigned long size = 0, resident = 0;
  if (!file || std::fscanf(file.get(), "%lu %lu", &size, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void LoadTotals::add(const net::Pressure& loop) {
  behind += loop.behind() ? 1 : 0;
  times += loop.times();
  waited = std::max(waited, loop.waited());
}

std::vector<Family> numbers(std::span<const DoorTotals> doors, const store::LocalStats& table,
                            std::size_t holds, const Snapshots& snapshots, const SharedNumbers* shared,
                            const LoadTotals& load, const Process& process, const Config& config) {
  std::vector<Family> all;
  all.push_back({"sluice_build_info",
                 "1; the labels say what runs.",
                 Kind::gauge,
                 {{{{"version", SLUICE_VERSION}, {"compiler", __VERSION__}}, 1}}});
  all.push_back(gauge("sluice_uptime_seconds", "Since the start.",
                      static_cast<double>((Clock::now() - process.started).count()) / 1e9));
  all.push_back(gauge("sluice_ready", "1 from \"sluice: ready\" until the drain begins, else 0.",
                      process.ready.load(relaxed) ? 1 : 0));
  all.push_back(counter("sluice_limits_reloads_total", "Files of limits taken over since the start.",
                        number(process.reloads.load(relaxed))));
  all.push_back(counter("sluice_limits_rejected_total",
                        "Files of limits refused since the start; the log says why.",
                        number(process.rejected.load(relaxed))));
  all.push_back(
      gauge("sluice_table_keys", "Buckets held, some of them full and not yet swept.", number(table.keys)));
  all.push_back(gauge("sluice_table_capacity", "Buckets that fit without growing.", number(table.capacity)));
  all.push_back(
      gauge("sluice_table_max_keys", "The setting max_keys.", static_cast<double>(config.max_keys)));
  all.push_back(gauge("sluice_table_bytes", "Address space of the table; untouched pages use no memory.",
                      number(table.bytes)));
  all.push_back(counter("sluice_table_evictions_total",
                        "Buckets that were not full and had to give way: raise max_keys if this moves.",
                        number(table.evictions)));
  all.push_back(gauge("sluice_holds_open", "Holds not yet settled; expired ones count until the next hold.",
                      number(holds)));
  all.push_back(gauge("sluice_holds_max", "The setting max_holds.", static_cast<double>(config.max_holds)));
  all.push_back(gauge("sluice_connections_max", "The setting max_connections.",
                      static_cast<double>(config.max_connections)));
  connections(all, doors);
  load_numbers(all, doors, load, config);
  tls_numbers(all, doors, process);
  token_numbers(all, doors, process);
  snapshot_numbers(all, snapshots);
  if (shared != nullptr) shared_numbers(all, *shared);
  log_lines(all);
  process_numbers(all, process);
  return all;
}

}  // namespace sluice::server
