#include "server/tracing.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <iterator>

#include "core/random_seed.h"
#include "policy/yaml.h"

namespace sluice::server {

namespace {

Error wrong(std::string message) { return {Code::invalid_argument, std::move(message)}; }

bool visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

/// Of the endpoint: address, Host and path.
Status read_endpoint(std::string_view url, observe::TraceExporter::Options& options, bool& tls) {
  const auto bad = [&](std::string_view why) {
    // Where a password or a key may stand, it is not told.
    const bool may_hold_secret = url.find_first_of("@?#") != url.npos;
    return wrong("trace_endpoint: " + (may_hold_secret ? "it" : '"' + std::string(url) + '"') +
                 " is no URL of a collector: " + std::string(why));
  };
  constexpr std::string_view kHttp = "http://", kHttps = "https://";
  tls = url.starts_with(kHttps);
  if (!tls && !url.starts_with(kHttp)) return bad("write http:// or https://, as in http://127.0.0.1:4318");
  if (!visible(url) || url.find_first_of("?#") != url.npos)
    return bad("a host, a port and a path, with no spaces, no ? and no #");
  const auto rest = url.substr(tls ? kHttps.size() : kHttp.size());
  auto authority = std::string(rest.substr(0, rest.find('/')));
  const auto path = rest.substr(authority.size());
  if (authority.find('@') != authority.npos)
    return wrong("trace_endpoint: holds a user; give what the collector asks for by trace_headers");
  options.host = authority;
  const auto colon = authority.rfind(':');
  if (colon == authority.npos || authority.find(']', colon) != authority.npos)
    authority += tls ? ":443" : ":80";
  auto address = net::Address::parse(authority);
  if (!address || address->kind != net::Address::Kind::tcp || address->host == "*" || address->port == 0)
    return bad("write host:port after the //, as in http://127.0.0.1:4318");
  options.address = std::move(*address);
  options.path = path.empty() || path == "/" ? "/v1/traces" : std::string(path);
  return Done{};
}

bool is_name(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || kMarks.find(c) != kMarks.npos;
  });
}

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t\r"), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(" \t\r") + 1);
}

/// "Name: value" lines. What is wrong is said without the value, which may be a secret.
Result<std::string> read_headers(const std::string& path) {
  const auto text = policy::read_small_file(path);
  if (!text) return Error{text.error().code, "trace_headers: '" + path + "' " + text.error().message};
  std::string fields;
  std::string_view rest = *text;
  for (int line = 1; !rest.empty(); ++line) {
    const auto whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), whole.size() + 1));
    const auto one = trimmed(whole);
    if (one.empty() || one.front() == '#') continue;
    const auto where = "trace_headers: " + path + ":" + std::to_string(line) + ": ";
    const auto colon = std::min(one.find(':'), one.size());
    const auto name = one.substr(0, colon);
    const auto value = trimmed(one.substr(std::min(colon + 1, one.size())));
    if (colon == one.size() || !is_name(name))
      return wrong(where + "write a field as Name: value, such as Authorization: Bearer TOKEN");
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const std::string_view ours :
         {"host", "content-length", "content-type", "connection", "transfer-encoding"})
      if (lower == ours) return wrong(where + std::string(name) + " is said by Sluice itself; leave it away");
    if (!std::ranges::all_of(value, [](char c) { return c == '\t' || (c >= ' ' && c < 0x7F); }))
      return wrong(where + "the value of " + std::string(name) + " must be of visible ASCII characters");
    fields.append(name).append(": ").append(value).append("\r\n");
  }
  return fields;
}

std::string instance() {
  char host[HOST_NAME_MAX + 1] = "localhost";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(::getpid());
}

std::function<void(std::string_view)> to_log(std::string place) {
  return [place = std::move(place)](std::string_view why) {
    if (why.empty()) return log(Level::info, "traces: " + place + " takes them again");
    log(Level::warning, "traces: " + place + " does not take them: " + std::string(why) + "; those beyond " +
                            std::to_string(kTracesWaitingMax) + " requests are dropped");
  };
}

}  // namespace

Result<observe::TraceExporter::Options> trace_options(const Config& config) {
  observe::TraceExporter::Options options;
  bool tls = false;
  if (auto status = read_endpoint(config.trace_endpoint, options, tls); !status) return status.error();
  if (config.trace_service.empty()) return wrong("trace_service: is empty; give this service's name");
  if (!tls && !config.trace_ca.empty())
    return wrong("trace_ca: trace_endpoint speaks no TLS; write https:// there, or leave trace_ca away");
  if (config.trace_timeout <= Duration{0})
    return wrong("trace_timeout: is 0; give the longest wait for the collector, such as 10s");
  if (tls) {
    auto made = net::OutgoingTls::make(
        {.ca_file = config.trace_ca, .cert_file = {}, .key_file = {}, .server_name = {}});
    if (!made) return Error{made.error().code, "trace_ca: " + made.error().message};
    options.tls = std::move(*made);
  }
  if (!config.trace_headers.empty()) {
    auto fields = read_headers(config.trace_headers);
    if (!fields) return fields.error();
    options.fields = std::move(*fields);
  }
  options.timeout = config.trace_timeout;
  return options;
}

Result<std::unique_ptr<Tracing>> Tracing::open(const Config& config, const observe::KeyHash& key_hash) {
  if (config.trace_endpoint.empty()) return std::unique_ptr<Tracing>();
  auto options = trace_options(config);
  if (!options) return options.error();
  options->resource = {.service = config.trace_service, .version = SLUICE_VERSION, .instance = instance()};
  options->seed = random_seed();
  options->trouble = to_log(config.trace_endpoint);
  return std::unique_ptr<Tracing>(new Tracing(config, key_hash, std::move(*options)));
}

Tracing::Tracing(const Config& config, const observe::KeyHash& key_hash,
                 observe::TraceExporter::Options options)
    : each_{.ratio_millionths = config.trace_ratio.millionths,
            .key_hash = config.trace_plain_keys ? nullptr : &key_hash},
      exporter_(queue_, std::move(options)) {}

observe::Tracer& Tracing::add_tracer() {
  auto each = each_;
  each.seed = random_seed();
  return tracers_.emplace_back(queue_, each);
}

void Tracing::add_to(std::vector<observe::Family>& numbers) const {
  using Kind = observe::Family::Kind;
  const auto value = [](const auto& counter) {
    return static_cast<double>(counter.load(std::memory_order_relaxed));
  };
  const auto& s = exporter_.stats();
  const auto one = [&](const char* name, const char* help, Kind kind, double n) {
    numbers.push_back({name, help, kind, {{{}, n}}});
  };
  one("sluice_traces_recorded_total", "Requests that are traced and were put into the queue.", Kind::counter,
      static_cast<double>(queue_.recorded()));
  one("sluice_traces_exported_total", "Of these those that the collector took.", Kind::counter,
      value(s.exported));
  numbers.push_back(
      {"sluice_traces_dropped_total",
       "Requests whose traces are lost: the queue was full, the collector refused them for good, or "
       "they were too old when it came back.",
       Kind::counter,
       {{{{"reason", "queue_full"}}, static_cast<double>(queue_.dropped())},
        {{{"reason", "refused"}}, value(s.refused)},
        {{{"reason", "too_late"}}, value(s.late)}}});
  one("sluice_traces_waiting", "Requests in the queue or on their way.", Kind::gauge,
      static_cast<double>(queue_.held()));
  one("sluice_traces_waiting_max", "As many as find room there.", Kind::gauge, kTracesWaitingMax);
  one("sluice_trace_exports_total", "Exports tried, each of many requests.", Kind::counter, value(s.exports));
  one("sluice_trace_export_failures_total", "Of these those that failed; the log says why.", Kind::counter,
      value(s.failures));
  one("sluice_trace_spans_rejected_total", "Spans that the collector says it took no notice of.",
      Kind::counter, value(s.rejected_spans));
}

}  // namespace sluice::server
