#include "server/config.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/text.h"
#include "policy/store_rules.h"

namespace sluice::server {

namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array kSettings = {
    Setting{"resp", "ADDR",
            "Where the RESP door listens: host:port, unix:/path, or none. Port 0 takes a free one.",
            &Config::resp},
    Setting{"http", "ADDR", "Where the HTTP door listens.", &Config::http},
    Setting{"grpc", "ADDR", "Where the gRPC door listens: Envoy's rate limit service.", &Config::grpc},
    Setting{
        "tls-cert", "FILE",
        "The server's certificate and those between it and its CA, in PEM: TCP doors then speak TLS 1.2 and "
        "1.3. Read again when a file of TLS changes and on SIGHUP.",
        &Config::tls_cert},
    Setting{"tls-key", "FILE", "The certificate's private key, in PEM, not encrypted.", &Config::tls_key},
    Setting{"tls-client-ca", "FILE",
            "CAs in PEM: a client of a door with TLS must have a certificate that one of them signed.",
            &Config::tls_client_ca},
    Setting{"tls", "DOORS",
            "Which doors on TCP speak TLS when there is a certificate: all, or a list such as resp,grpc; the "
            "others are in the clear.",
            &Config::tls},
    Setting{"tls-handshake-time", "DURATION",
            "From the connection to the end of TLS's handshake; then it is closed. 0: any time.",
            &Config::tls_handshake_time},
    Setting{
        "tokens", "FILE",
        "Who may ask, in YAML: tokens with roles (see sluice token). Without it everyone who reaches a door "
        "may. Read again when the file changes and on SIGHUP.",
        &Config::tokens},
    Setting{"unix-mode", "MODE",
            "Mode of the files of unix sockets, in octal: 0660. Empty: as the umask says.",
            &Config::unix_mode},
    Setting{"limits", "FILE",
            "Named limits, in YAML (see sluice check). Read again when the file changes and on SIGHUP.",
            &Config::limits},
    Setting{
        "policies", "DIR",
        "Policies in envoyproxy/ratelimit's YAML: the files *.yaml and *.yml of a folder, or one file (see "
        "sluice check, sluice explain). Read again when they change and on SIGHUP.",
        &Config::policies},
    Setting{"merge-domains", "BOOL", "true: several files of policies may name one domain.",
            &Config::merge_domains},
    Setting{"store", "URL",
            "Where the buckets live: local, in this process; or a Redis or Valkey that many servers share: "
            "redis://[user:password@]host[:port][/database], rediss:// for TLS, redis+unix:///path, "
            "redis+sentinel://host,host/master, redis+cluster://host,host.",
            &Config::store},
    Setting{"store-deadline", "DURATION",
            "The longest that a request waits for the shared store, all in; then on_store_failure decides.",
            &Config::store_deadline, 1'000'000},
    Setting{"store-queue", "N",
            "Asks of one loop that wait for the shared store at one time; for more on_store_failure decides.",
            &Config::store_queue, 64, 1'000'000'000},
    Setting{"store-instances", "N",
            "Servers that share the store. While it is away, on_store_failure: local lets each of them "
            "grant 1/N of a quota. 0: as many as the store saw last.",
            &Config::store_instances, 0, 1'000'000},
    Setting{"store-floors", "BOOL",
            "true: what this server was told of buckets lately holds for a Redis that takes another's place. "
            "false: only what that has itself.",
            &Config::store_floors},
    Setting{
        "on-store-failure", "RULE",
        "What holds for CL.THROTTLE and GCRA while the shared store is away: allow, deny, or local. Named "
        "limits and policies say it each for itself (on_store_failure; local unless said).",
        &Config::on_store_failure},
    Setting{
        "consistency", "RULE",
        "Of the buckets of CL.THROTTLE and GCRA in a shared store: strict, or leased (tokens of hot buckets "
        "are "
        "charged ahead). Named limits and policies say it each for itself (consistency; strict unless said).",
        &Config::consistency},
    Setting{
        "lease-max", "N",
        "Tokens of one leased bucket that a loop has charged ahead at most; never more than an eighth of the "
        "capacity. 0: none.",
        &Config::lease_max, 0, 1'000'000'000},
    Setting{"lease-drift", "N",
            "By how many millionths the shared store's clock may run faster than this machine's; leases end "
            "so much "
            "earlier.",
            &Config::lease_drift, 0, 1'000'000},
    Setting{"refusals-kept", "DURATION",
            "How long a refusal by the shared store is remembered at most; what another server refunds or "
            "resets is seen so much later. 0: not at all.",
            &Config::refusals_kept},
    Setting{"threads", "N", "Event loops, each on its own thread. 0: one for each processor.",
            &Config::threads, 0, 1024},
    Setting{"max-keys", "N", "Buckets of the local store that can be away from full at one time.",
            &Config::max_keys, 1, std::int64_t{1} << 40},
    Setting{"max-holds", "N", "Holds open at one time: tokens taken on an estimate and not yet settled.",
            &Config::max_holds, 0, 1'000'000'000},
    Setting{"snapshot", "FILE",
            "Where the buckets of the local store are saved, and read from at start. Without it a restart "
            "makes all of them full.",
            &Config::snapshot},
    Setting{"snapshot-every", "DURATION", "How often they are saved. 0: only at the end.",
            &Config::snapshot_every},
    Setting{"password", "TEXT",
            "What RESP clients must give by AUTH or HELLO. Better set in the environment or the file "
            "than by a flag, which other users of the machine can see.",
            &Config::password},
    Setting{"max-connections", "N", "Connections of all doors together; more are told so and closed.",
            &Config::max_connections, 1, 10'000'000},
    Setting{
        "max-connections-per-address", "N",
        "Of them those of one client address (of IPv6: one /64 network). 0: any number, as behind a proxy.",
        &Config::max_connections_per_address, 0, 10'000'000},
    Setting{"max-buffered", "BYTES",
            "What all connections together buffer of unfinished requests and of replies not taken; beyond it "
            "who needs more is told so and closed.",
            &Config::max_buffered, 1 << 20, std::int64_t{1} << 50},
    Setting{"shed-after", "DURATION",
            "When what is ready waits longer for its turn, requests for tokens are answered at once that the "
            "server is overloaded, in at most a tenth of the time. 0: never.",
            &Config::shed_after},
    Setting{"resp-idle", "DURATION", "A RESP connection without a request for so long is closed. 0: never.",
            &Config::resp_idle},
    Setting{"http-idle", "DURATION", "An HTTP connection without a request for so long is closed. 0: never.",
            &Config::http_idle},
    Setting{"grpc-idle", "DURATION", "A gRPC connection that sends nothing for so long is closed. 0: never.",
            &Config::grpc_idle},
    Setting{"ui", "BOOL", "true: the HTTP door serves the dashboard at /ui.", &Config::ui},
    Setting{"charge-each", "BOOL",
            "true: each descriptor of a gRPC request is charged for itself, as envoyproxy/ratelimit does. "
            "false: if one is over its limit, none is charged.",
            &Config::charge_each},
    Setting{"x-ratelimit-fields", "BOOL",
            "true: gRPC responses bring X-RateLimit-Limit, -Remaining and -Reset for the proxy to add.",
            &Config::x_ratelimit_fields},
    Setting{"ratelimit-fields", "BOOL",
            "true: gRPC responses bring the IETF's RateLimit-Policy, RateLimit and Retry-After.",
            &Config::ratelimit_fields},
    Setting{
        "explain-decisions", "BOOL",
        "true: each decision names the version of its rule and who decided, in the HTTP door's answers and "
        "in gRPC's dynamic_metadata.",
        &Config::explain_decisions},
    Setting{"shadow-all", "BOOL",
            "true: gRPC's overall_code is always OK; the statuses say what would have been.",
            &Config::shadow_all},
    Setting{"near-limit-ratio", "RATIO",
            "From which part of a rule's limit on its hits are counted as near it in the statistics.",
            &Config::near_limit_ratio},
    Setting{
        "max-detailed-series", "N",
        "Names of rules in the statistics that requests make up (detailed_metric, value_to_metric, limits in "
        "requests). Beyond them all are counted as #other.",
        &Config::max_detailed_series, 0, 1'000'000},
    Setting{"top-keys", "N",
            "Heaviest keys counted of each limit, for /v1/top and `sluice top`: an estimate is off by at "
            "most one "
            "part in N of what was asked. 0: none are counted, and no refusals are remembered for /v1/why.",
            &Config::top_keys, 0, 10'000},
    Setting{
        "history", "FILE",
        "Where decisions are counted by limit and outcome, each second, minute and hour, for /v1/history: an "
        "SQLite file of its own. Without it there is no history.",
        &Config::history},
    Setting{"history-seconds", "DURATION", "How long the counts of each second are kept.",
            &Config::history_seconds},
    Setting{"history-minutes", "DURATION", "And those of each minute.", &Config::history_minutes},
    Setting{"history-hours", "DURATION", "And those of each hour.", &Config::history_hours},
    Setting{"history-max", "BYTES",
            "What the file may grow to; beyond it the oldest counts by second are dropped first.",
            &Config::history_max, 1'000'000},
    Setting{"request-time", "DURATION",
            "From the first byte of a request to its last; then its connection is closed. 0: "
            "any time.",
            &Config::request_time},
    Setting{"output-time", "DURATION",
            "A peer that takes none of its waiting replies for so long is cut off. 0: never.",
            &Config::output_time},
    Setting{"output-max", "BYTES",
            "Replies a connection has not taken, above which no more requests are read from it.",
            &Config::output_max, 1024, std::int64_t{1} << 40},
    Setting{"drain-time", "DURATION", "After SIGTERM or SIGINT: the longest wait for connections to finish.",
            &Config::drain_time},
    Setting{"log-level", "LEVEL",
            "debug, info, warning, error or off. The log goes to standard error. SIGUSR1 lets more lines "
            "through, SIGUSR2 fewer; SIGHUP reads this and the other settings of the log again.",
            &Config::log_level},
    Setting{"log-format", "FORMAT", "text, or json: one object a line.", &Config::log_format},
    Setting{
        "log-refusals", "PART",
        "Refusals that the log tells of, at level info: a part of all (0.01), or so many a second (20/s); "
        "1000 a second at most. 0: none.",
        &Config::log_refusals},
    Setting{"log-keys", "HOW", "Keys in the log: hash (see sluice log-key), plain, or none.",
            &Config::log_keys},
    Setting{"log-key-secret", "TEXT",
            "What keys in the log and in traces are hashed with. Without it hashes are of this process "
            "alone, and nobody can "
            "find the key of one. Better set in the environment or the file than by a flag.",
            &Config::log_key_secret},
    Setting{
        "trace-endpoint", "URL",
        "Where traces go: a collector of OTLP over HTTP, as in http://127.0.0.1:4318. Without a path it is "
        "/v1/traces. Empty: nothing is traced.",
        &Config::trace_endpoint},
    Setting{
        "trace-ratio", "RATIO",
        "Which part of the requests is traced that bring no traceparent, which says it otherwise. What is "
        "decided without the shared store is always traced.",
        &Config::trace_ratio},
    Setting{"trace-service", "NAME", "What this service is called in traces.", &Config::trace_service},
    Setting{"trace-plain-keys", "BOOL",
            "true: traces tell keys as they are. false: hashed as in the log, with log_key_secret.",
            &Config::trace_plain_keys},
    Setting{
        "trace-headers", "FILE",
        "Fields that go with each export, such as the collector's token: lines like Authorization: Bearer "
        "TOKEN.",
        &Config::trace_headers},
    Setting{"trace-ca", "FILE",
            "CAs in PEM that a collector with https:// is trusted by. Empty: those of the system.",
            &Config::trace_ca},
    Setting{"trace-timeout", "DURATION", "The longest wait for the collector; it holds up no decision.",
            &Config::trace_timeout},
};

constexpr std::array<std::string_view, 2> kLogFormats = {"text", "json"};
constexpr std::array<std::string_view, 3> kLogKeys = {"hash", "plain", "none"};

constexpr std::array<std::pair<std::string_view, Duration>, 9> kDurations = {{{"h", hours(1)},
                                                                              {"min", minutes(1)},
                                                                              {"m", minutes(1)},
                                                                              {"s", seconds(1)},
                                                                              {"ms", milliseconds(1)},
                                                                              {"us", microseconds(1)},
                                                                              {"ns", Duration(1)},
                                                                              {"d", hours(24)},
                                                                              {"w", hours(7 * 24)}}};

Error bad(std::string_view text, std::string_view want) {
  return {Code::invalid_argument, "\"" + std::string(text) + "\" is not right: " + std::string(want)};
}

struct Set {
  const Setting& setting;
  Config& config;
  std::string_view text;

  template <class T>
  Status take(T Config::* member, Result<T> value) const {
    if (!value) return value.error();
    config.*member = std::move(*value);
    return Done{};
  }
  Status operator()(net::Address Config::* m) const { return take(m, net::Address::parse(text)); }
  Status operator()(std::string Config::* m) const {
    config.*m = text;
    return Done{};
  }
  Status operator()(Duration Config::* m) const {
    auto value = parse_duration(text);
    if (value && value->count() < setting.min)
      return bad(text, "at least " + duration_text(Duration(setting.min)));
    return take(m, std::move(value));
  }
  Status operator()(Bytes Config::* m) const {
    auto value = parse_bytes(text);
    if (value && (value->count < setting.min || value->count > setting.max))
      return bad(text, "at least " + std::to_string(setting.min) + " bytes");
    return take(m, std::move(value));
  }
  Status operator()(std::int64_t Config::* m) const {
    Scanner scan(text);
    const auto value = scan.whole_number();
    if (!value || !scan.at_end() || *value < setting.min || *value > setting.max)
      return bad(text,
                 "a whole number from " + std::to_string(setting.min) + " to " + std::to_string(setting.max));
    config.*m = *value;
    return Done{};
  }
  Status operator()(Ratio Config::* m) const { return take(m, parse_ratio(text)); }
  Status operator()(bool Config::* m) const {
    if (text != "true" && text != "false") return bad(text, "true or false");
    config.*m = text == "true";
    return Done{};
  }
  Status operator()(FileMode Config::* m) const {
    const bool octal = text.size() <= 4 && text.find_first_not_of("01234567") == text.npos;
    const auto bits = text.empty() || !octal ? 0 : std::stoul(std::string(text), nullptr, 8);
    if (!octal || bits > 0777) return bad(text, "a mode in octal such as 0660, or nothing");
    (config.*m).bits = text.empty() ? std::nullopt : std::optional<std::uint32_t>(bits);
    return Done{};
  }
  Status operator()(store::OnFailure Config::* m) const {
    const auto rule = policy::on_failure_of(text);
    if (!rule) return bad(text, "allow, deny or local");
    config.*m = *rule;
    return Done{};
  }
  Status operator()(store::Consistency Config::* m) const {
    const auto rule = policy::consistency_of(text);
    if (!rule) return bad(text, "strict or leased");
    config.*m = *rule;
    return Done{};
  }
  Status operator()(Level Config::* m) const {
    const auto level = level_of(text);
    if (!level) return bad(text, "debug, info, warning, error or off");
    config.*m = *level;
    return Done{};
  }
  /// Of an enumeration whose values have these names, in order.
  template <class Word, std::size_t n>
  Status word(Word Config::* m, const std::array<std::string_view, n>& names, std::string_view want) const {
    const auto it = std::ranges::find(names, text);
    if (it == names.end()) return bad(text, want);
    config.*m = static_cast<Word>(it - names.begin());
    return Done{};
  }
  Status operator()(LogFormat Config::* m) const { return word(m, kLogFormats, "text or json"); }
  Status operator()(LogKeys Config::* m) const { return word(m, kLogKeys, "hash, plain or none"); }
  Status operator()(observe::RefusalWish Config::* m) const { return take(m, parse_refusal_wish(text)); }
};

std::string ratio_text(std::int64_t millionths) {
  std::string digits = std::to_string(1'000'000 + millionths % 1'000'000);
  digits.erase(digits.find_last_not_of('0') + 1);
  return std::to_string(millionths / 1'000'000) + (digits.size() > 1 ? "." + digits.substr(1) : "");
}

struct Get {
  const Config& config;
  std::string operator()(net::Address Config::* m) const { return (config.*m).text(); }
  std::string operator()(std::string Config::* m) const { return config.*m; }
  std::string operator()(std::int64_t Config::* m) const { return std::to_string(config.*m); }
  std::string operator()(Duration Config::* m) const { return duration_text(config.*m); }
  std::string operator()(Bytes Config::* m) const { return std::to_string((config.*m).count); }
  std::string operator()(Ratio Config::* m) const { return ratio_text((config.*m).millionths); }
  std::string operator()(FileMode Config::* m) const {
    const auto bits = (config.*m).bits;
    if (!bits) return "";
    return {'0', static_cast<char>('0' + (*bits >> 6)), static_cast<char>('0' + (*bits >> 3 & 7)),
            static_cast<char>('0' + (*bits & 7))};
  }
  std::string operator()(bool Config::* m) const { return config.*m ? "true" : "false"; }
  std::string operator()(store::OnFailure Config::* m) const {
    return std::string(policy::on_failure_name(config.*m));
  }
  std::string operator()(store::Consistency Config::* m) const {
    return std::string(policy::consistency_name(config.*m));
  }
  std::string operator()(Level Config::* m) const { return std::string(level_name(config.*m)); }
  std::string operator()(LogFormat Config::* m) const {
    return std::string(kLogFormats[static_cast<std::size_t>(config.*m)]);
  }
  std::string operator()(LogKeys Config::* m) const {
    return std::string(kLogKeys[static_cast<std::size_t>(config.*m)]);
  }
  std::string operator()(observe::RefusalWish Config::* m) const {
    const auto wish = config.*m;
    return wish.per_second > 0 ? std::to_string(wish.per_second) + "/s" : ratio_text(wish.millionths);
  }
};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  Scanner scan(text);
  const auto n = scan.whole_number();
  const auto unit = scan.word();
  std::int64_t ns = 0;
  for (const auto& [name, length] : kDurations)
    if (n && unit == name && scan.at_end() && !__builtin_mul_overflow(*n, length.count(), &ns))
      return Duration(ns);
  if (n == 0 && unit.empty() && scan.at_end()) return Duration(0);
  return bad(text, "a time such as 30s, 500ms, 5min or 1h");
}

std::string duration_text(Duration d) {
  if (d == Duration{0}) return "0";
  for (const auto& [name, length] : kDurations)
    if (d % length == Duration{0}) return std::to_string(d / length) + std::string(name);
  return "";
}

Result<Ratio> parse_ratio(std::string_view text) {
  constexpr std::size_t kDigits = 6;
  Scanner scan(text.substr(0, text.find('.')));
  const auto whole = scan.whole_number();
  std::string digits(text.find('.') == text.npos ? "0" : text.substr(text.find('.') + 1));
  const bool good = whole && scan.at_end() && *whole <= 1 && !digits.empty() && digits.size() <= kDigits &&
                    digits.find_first_not_of("0123456789") == digits.npos;
  if (good) {
    digits.resize(kDigits, '0');
    const auto millionths = *whole * 1'000'000 + std::stoll(digits);
    if (millionths <= 1'000'000) return Ratio{millionths};
  }
  return bad(text, "a number from 0 to 1 such as 0.8, with six digits behind the point at most");
}

Result<observe::RefusalWish> parse_refusal_wish(std::string_view text) {
  Scanner scan(text);
  const auto n = scan.whole_number();
  if (n && scan.take('/') && scan.word() == "s" && scan.at_end() && *n >= 1 &&
      *n <= observe::kRefusalsPerSecondMax)
    return observe::RefusalWish{.per_second = *n};
  if (text.find('/') == text.npos)
    if (const auto part = parse_ratio(text)) return observe::RefusalWish{.millionths = part->millionths};
  return bad(text, "a part of all such as 0.01, or so many a second such as 20/s, 1000/s at most");
}

Result<Bytes> parse_bytes(std::string_view text) {
  constexpr std::pair<std::string_view, std::int64_t> units[] = {
      {"", 1},      {"k", 1'000},    {"K", 1'000},    {"M", 1'000'000}, {"G", 1'000'000'000},
      {"Ki", 1024}, {"Mi", 1 << 20}, {"Gi", 1 << 30},
  };
  Scanner scan(text);
  const auto n = scan.whole_number();
  auto unit = scan.word();
  if (unit.ends_with('B')) unit.remove_suffix(1);
  std::int64_t bytes = 0;
  for (const auto& [name, size] : units)
    if (n && unit == name && scan.at_end() && !__builtin_mul_overflow(*n, size, &bytes)) return Bytes{bytes};
  return bad(text, "a size such as 4096, 64KiB or 1MB");
}

std::string Setting::key() const {
  std::string text(name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

std::string Setting::variable() const {
  std::string text = "SLUICE_" + key();
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

Status Setting::set(Config& config, std::string_view text) const {
  return std::visit(Set{*this, config, text}, member);
}

std::string Setting::get(const Config& config) const { return std::visit(Get{config}, member); }

std::span<const Setting> settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  const auto it =
      std::find_if(kSettings.begin(), kSettings.end(), [&](const Setting& s) { return s.name == name; });
  return it == kSettings.end() ? nullptr : &*it;
}

std::string settings_markdown() {
  std::string text =
      "| flag | key in sluice.yaml | environment | default | meaning |\n| --- | --- | --- | --- | --- |\n";
  for (const Setting& s : kSettings) {
    const auto fallback = s.get({});
    text += "| `--" + std::string(s.name) + " " + std::string(s.value) + "` | `" + s.key() + "` | `" +
            s.variable() + "` | " + (fallback.empty() ? "" : "`" + fallback + "`") + " | " +
            std::string(s.help) + " |\n";
  }
  return text;
}

}  // namespace sluice::server
