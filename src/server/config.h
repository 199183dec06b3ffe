// config.h: what `sluice serve` can be told, in one table: the help, the documents, the flags, the file's
// keys and the environment are all made from it.
//
// Of the sources the flag wins, then the file (sluice.yaml), then the environment, then the default. A
// setting named `max-connections` is the flag --max-connections, the key max_connections, and the variable
// SLUICE_MAX_CONNECTIONS.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "net/address.h"
#include "policy/yaml.h"
#include "server/log.h"
#include "server/refusal_log.h"
#include "sluice/result.h"
#include "sluice/time.h"
#include "store/store.h"

namespace sluice::server {

struct Bytes {
  std::int64_t count = 0;
};

/// A part of a whole, from 0 to 1.
struct Ratio {
  std::int64_t millionths = 0;
};

/// Of a file, in octal. Nothing: as the umask says.
struct FileMode {
  std::optional<std::uint32_t> bits;
};

struct Config {
  net::Address resp{.kind = net::Address::Kind::tcp, .host = "127.0.0.1", .port = 6380, .path = {}};
  net::Address http{.kind = net::Address::Kind::tcp, .host = "127.0.0.1", .port = 8080, .path = {}};
  net::Address grpc{.kind = net::Address::Kind::tcp, .host = "127.0.0.1", .port = 8081, .path = {}};
  std::string tls = "all";  ///< Doors (door_tls.h), if there is a certificate.
  std::string tls_cert;     ///< A file; empty: no TLS.
  std::string tls_key;
  std::string tls_client_ca;  ///< A file; empty: clients need no certificate.
  Duration tls_handshake_time = std::chrono::seconds(10);
  FileMode unix_mode;
  std::string tokens;           ///< A file; empty: everyone may ask.
  std::string limits;           ///< A file; empty: no named limits.
  std::string policies;         ///< A folder or a file; empty: none.
  bool merge_domains = false;   ///< Several files of policies may name one domain.
  std::string store = "local";  ///< Or a URL: redis/url.h.
  Duration store_deadline = std::chrono::milliseconds(20);
  std::int64_t store_queue = 100'000;
  std::int64_t store_instances = 0;  ///< 0: learned (census.h).
  bool store_floors = true;          ///< Offered to a server that takes over: store/shared/told.h.
  store::OnFailure on_store_failure = store::OnFailure::local;
  store::Consistency consistency = store::Consistency::strict;
  std::int64_t lease_max = 10'000;  ///< Tokens.
  std::int64_t lease_drift = 500;   ///< Millionths.
  Duration refusals_kept = std::chrono::milliseconds(100);
  std::int64_t threads = 0;  ///< 0: one a processor.
  std::int64_t max_keys = 10'000'000;
  std::int64_t max_holds = 100'000;
  std::string snapshot;  ///< A file; empty: none.
  Duration snapshot_every = std::chrono::seconds(10);
  std::string password;  ///< Of the RESP door; empty: none is asked for.
  std::int64_t max_connections = 10'000;
  std::int64_t max_connections_per_address = 0;  ///< 0: any number.
  Bytes max_buffered{256 << 20};
  Duration shed_after = std::chrono::milliseconds(100);
  Duration resp_idle{0};
  Duration http_idle = std::chrono::minutes(5);
  Duration grpc_idle = std::chrono::hours(1);
  bool ui = true;                   ///< The dashboard at /ui of the HTTP door.
  bool charge_each = false;         ///< Of a gRPC request's descriptors; else all or nothing.
  bool x_ratelimit_fields = false;  ///< In gRPC responses, for the proxy to add, as is the next.
  bool ratelimit_fields = false;
  bool explain_decisions = false;   ///< Each names its rule's version and who decided.
  bool shadow_all = false;          ///< gRPC's overall_code is always OK.
  Ratio near_limit_ratio{800'000};  ///< From which part of a limit on statistics call hits near it.
  std::int64_t max_detailed_series = 1'000;
  std::int64_t top_keys = 256;  ///< Counted by limit; 0: none.
  std::string history;          ///< A file; empty: none.
  Duration history_seconds = std::chrono::hours(2);
  Duration history_minutes = std::chrono::hours(14 * 24);
  Duration history_hours = std::chrono::hours(730 * 24);
  Bytes history_max{100'000'000};
  Duration request_time = std::chrono::seconds(30);
  Duration output_time = std::chrono::seconds(30);
  Bytes output_max{1 << 20};
  Duration drain_time = std::chrono::seconds(5);
  Level log_level = Level::info;
  LogFormat log_format = LogFormat::text;
  observe::RefusalWish log_refusals;
  LogKeys log_keys = LogKeys::hash;
  std::string log_key_secret;  ///< Empty: one that nobody knows.
  std::string trace_endpoint;  ///< A URL; empty: nothing is traced (tracing.h).
  Ratio trace_ratio{10'000};
  std::string trace_service = "sluice";
  bool trace_plain_keys = false;  ///< Else a key is told by a hash of it.
  std::string trace_headers;      ///< A file; empty: none.
  std::string trace_ca;           ///< A file; empty: whom the system trusts.
  Duration trace_timeout = std::chrono::seconds(10);
};

struct Setting {
  using Member =
      std::variant<net::Address Config::*, std::string Config::*, std::int64_t Config::*, Duration Config::*,
                   Bytes Config::*, Level Config::*, bool Config::*, Ratio Config::*, FileMode Config::*,
                   store::OnFailure Config::*, store::Consistency Config::*, LogFormat Config::*,
                   LogKeys Config::*, observe::RefusalWish Config::*>;
  std::string_view name;   ///< As the flag, without the dashes.
  std::string_view value;  ///< What stands for the value in the help: ADDR, FILE, N, …
  std::string_view help;
  Member member;
  std::int64_t min = 0;  ///< Of numbers; of durations in nanoseconds.
  std::int64_t max = INT64_MAX;

  std::string key() const;       ///< In sluice.yaml.
  std::string variable() const;  ///< In the environment.
  /// Reads `text` into the config; the error says what would be right.
  Status set(Config& config, std::string_view text) const;
  std::string get(const Config& config) const;  ///< What set() reads back.
};

std::span<const Setting> settings();
/// Null if there is none.
const Setting* find_setting(std::string_view name);
/// The table of docs/operations.md.
std::string settings_markdown();

struct Sources {
  std::vector<std::pair<const Setting*, std::string>> flags;
  std::string file;         ///< Given by --config; must be readable.
  std::string file_if_any;  ///< Read if it is there and no other is given.
  std::function<const char*(const char*)>
      environment;  ///< As std::getenv; SLUICE_CONFIG names a file as well.
};

struct Loaded {
  Config config;
  std::string file;                   ///< The one that was read, if any.
  std::vector<std::string> problems;  ///< All of them, ready for people. Then `config` must not be used.
};
Loaded load_config(const Sources& sources);

/// "30s", "500ms", "5min", "1h", "0".
Result<Duration> parse_duration(std::string_view text);
std::string duration_text(Duration d);
/// "0.8", "1", with at most six digits behind the point.
Result<Ratio> parse_ratio(std::string_view text);
/// "0.01" of all, "20/s", "0".
Result<observe::RefusalWish> parse_refusal_wish(std::string_view text);
/// "1MB" (1,000,000), "64Ki" (65,536), "4096".
Result<Bytes> parse_bytes(std::string_view text);

}  // namespace sluice::server
