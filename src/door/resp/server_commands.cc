// INFO and CONFIG: figures for people and monitors, and what redis-benchmark asks at its start.
#include <array>
#include <string>

#include "door/resp/command.h"
#include "door/resp/values.h"

namespace sluice::door {
namespace {

// Clients that look for a Redis version find one whose commands about connections we speak.
constexpr std::string_view kRedisVersion = "7.2.0";

class Section {
 public:
  explicit Section(std::string& text, std::string_view title) : text_(text) {
    if (!text_.empty()) text_.append("\r\n");
    text_.append("# ").append(title).append("\r\n");
  }
  Section& line(std::string_view name, std::string_view value) {
    text_.append(name).append(":").append(value).append("\r\n");
    return *this;
  }
  Section& line(std::string_view name, std::uint64_t value) { return line(name, std::to_string(value)); }

 private:
  std::string& text_;
};

void server_section(Call& call, const RespNumbers& n, std::string& text) {
  Section(text, "Server")
      .line("redis_version", kRedisVersion)
      .line("redis_mode", "standalone")
      .line("sluice_version", call.door.options().version)
      .line("process_id", n.process_id)
      .line("tcp_port", n.port)
      .line("uptime_in_seconds", n.uptime_seconds)
      .line("uptime_in_days", n.uptime_seconds / 86'400);
}

void clients_section(Call&, const RespNumbers& n, std::string& text) {
  Section(text, "Clients").line("connected_clients", n.connected_clients).line("maxclients", n.max_clients);
}

void memory_section(Call&, const RespNumbers& n, std::string& text) {
  Section(text, "Memory").line("used_memory", n.memory_bytes).line("table_bytes", n.table_bytes);
}

// "loading" is what clients wait for before they send: there is no moment at which we load.
void persistence_section(Call&, const RespNumbers&, std::string& text) {
  Section(text, "Persistence").line("loading", std::uint64_t{0});
}

void stats_section(Call&, const RespNumbers& n, std::string& text) {
  Section(text, "Stats")
      .line("total_connections_received", n.connections_received)
      .line("total_commands_processed", n.requests)
      .line("evicted_keys", n.evictions);
}

void replication_section(Call&, const RespNumbers&, std::string& text) {
  Section(text, "Replication").line("role", "master").line("connected_slaves", std::uint64_t{0});
}

void keyspace_section(Call&, const RespNumbers& n, std::string& text) {
  Section(text, "Keyspace")
      .line("db0", "keys=" + std::to_string(n.keys) + ",expires=" + std::to_string(n.keys));
}

struct NamedSection {
  std::string_view name;
  void (*write)(Call&, const RespNumbers&, std::string&);
};
constexpr NamedSection kSections[] = {
    {"server", server_section},           {"clients", clients_section}, {"memory", memory_section},
    {"persistence", persistence_section}, {"stats", stats_section},     {"replication", replication_section},
    {"keyspace", keyspace_section},
};

struct Parameter {
  std::string_view name;
  std::string_view value;
};
constexpr Parameter kParameters[] = {{"appendonly", "no"}, {"databases", "1"}, {"save", ""}};

}  // namespace

void info(Call& call) {
  const auto wanted = [&](std::string_view section) {
    if (call.args.size() == 1) return true;
    for (const auto arg : call.args.subspan(1))
      for (const std::string_view name :
           {section, std::string_view("default"), std::string_view("all"), std::string_view("everything")})
        if (equals_ignoring_case(arg, name)) return true;
    return false;
  };
  const auto& numbers = call.door.options().numbers;
  RespNumbers n;
  if (numbers) n = numbers();
  std::string text;
  for (const auto& section : kSections)
    if (wanted(section.name)) section.write(call, n, text);
  call.reply.verbatim(text);
}

void config_get(Call& call) {
  const auto asked = call.args.subspan(2);
  const auto matches = [&](std::string_view name) {
    for (const auto pattern : asked)
      if (pattern == "*" || equals_ignoring_case(pattern, name)) return true;
    return false;
  };
  std::size_t count = 0;
  for (const auto& p : kParameters) count += matches(p.name) ? 1 : 0;
  call.reply.map(count);
  for (const auto& p : kParameters) {
    if (!matches(p.name)) continue;
    call.reply.bulk(p.name);
    call.reply.bulk(p.value);
  }
}

}  // namespace sluice::door
