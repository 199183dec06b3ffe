#include "redis/url.h"

#include <optional>

#include "core/hex.h"
#include "core/number.h"

namespace sluice::redis {
namespace {

Error invalid(std::string why) { return {Code::invalid_argument, "Redis URL: " + std::move(why)}; }

struct Scheme {
  std::string_view name;
  Url::Kind kind;
  bool tls;
  bool unix_path;
};
constexpr Scheme kSchemes[] = {
    {"redis", Url::Kind::single, false, false},
    {"rediss", Url::Kind::single, true, false},
    {"unix", Url::Kind::single, false, true},
    {"redis+unix", Url::Kind::single, false, true},
    {"redis+sentinel", Url::Kind::sentinel, false, false},
    {"rediss+sentinel", Url::Kind::sentinel, true, false},
    {"redis+cluster", Url::Kind::cluster, false, false},
    {"rediss+cluster", Url::Kind::cluster, true, false},
};

const Scheme* find_scheme(std::string_view name) {
  for (const Scheme& s : kSchemes)
    if (s.name == name) return &s;
  return nullptr;
}

// What stands before `by` and, in `text`, what stands behind it; all of it if there is none.
std::string_view cut(std::string_view& text, char by) {
  const auto at = text.find(by);
  const auto before = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return before;
}

std::optional<std::string> decode(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    if (text.size() - i < 3 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return {};
    plain += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  if (plain.find('\0') != std::string::npos) return {};
  return plain;
}

Status read_login(std::string_view text, Login& login) {
  std::string_view password = text;
  const auto user = decode(cut(password, ':'));
  const auto secret = decode(password);
  if (!user || !secret)
    return invalid(
        "a '%' before the '@' is not followed by two hexadecimal digits; write a plain one as %25");
  if (text.find(':') == std::string_view::npos)
    return invalid("what stands before the '@' has no colon; write user:password@ or :password@");
  login = {*user, *secret};
  return Done{};
}

Result<net::Address> read_host(std::string_view text, std::uint16_t port) {
  net::Address address{.kind = net::Address::Kind::tcp, .port = port};
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos)
      return invalid("no ']' ends the IPv6 address '" + std::string(text) + "'");
    address.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':')
      return invalid("'" + std::string(rest) + "' behind the IPv6 address; write [address]:port");
  } else {
    address.host = text.substr(0, text.find(':'));
    rest = text.substr(address.host.size());
    if (rest.find(':', 1) != std::string_view::npos)
      return invalid("'" + std::string(text) + "' has several colons; write an IPv6 address as [" +
                     std::string(text) + "]");
  }
  if (address.host.empty()) return invalid("a host is missing; write redis://localhost:6379");
  if (rest.empty()) return address;
  const auto given = parse_number<std::uint16_t>(rest.substr(1));
  if (!given || *given == 0)
    return invalid("the port '" + std::string(rest.substr(1)) + "' is not a number from 1 to 65535");
  address.port = *given;
  return address;
}

Status read_database(std::string_view text, Url& url) {
  const auto n = parse_number<int>(text);
  if (!n || *n < 0) return invalid("the database '" + std::string(text) + "' is not a number from 0");
  if (*n != 0 && url.kind == Url::Kind::cluster)
    return invalid("a cluster has database 0 alone; leave '" + std::string(text) + "' out");
  url.database = *n;
  return Done{};
}

Status read_timeout(std::string_view text, Url& url) {
  Duration unit = std::chrono::seconds(1);
  std::string_view digits = text;
  if (text.ends_with("ms"))
    unit = std::chrono::milliseconds(1), digits.remove_suffix(2);
  else if (text.ends_with("us"))
    unit = std::chrono::microseconds(1), digits.remove_suffix(2);
  else if (text.ends_with("s"))
    digits.remove_suffix(1);
  const auto n = parse_number<std::int64_t>(digits);
  constexpr Duration kMost = std::chrono::hours(1);
  if (!n || *n <= 0 || *n > kMost / unit)
    return invalid("timeout '" + std::string(text) + "' is not a time as 500ms or 2s, of at most an hour");
  url.timeout = *n * unit;
  return Done{};
}

Status read_option(std::string_view option, Url& url) {
  std::string_view raw = option;
  const std::string name(cut(raw, '='));
  const auto value = decode(raw);
  if (!value)
    return invalid("the value of '" + name + "' has a '%' without two hexadecimal digits behind it");
  if (name == "db") return read_database(*value, url);
  if (name == "timeout") return read_timeout(*value, url);
  if (name == "sentinel_user" || name == "sentinel_password") {
    if (url.kind != Url::Kind::sentinel) return invalid("'" + name + "' is for redis+sentinel:// alone");
    (name == "sentinel_user" ? url.sentinel_login.user : url.sentinel_login.password) = *value;
    return Done{};
  }
  auto& tls = url.tls_options;
  std::string* const text = name == "ca"     ? &tls.ca_file
                            : name == "cert" ? &tls.cert_file
                            : name == "key"  ? &tls.key_file
                            : name == "sni"  ? &tls.server_name
                                             : nullptr;
  if (text == nullptr && name != "verify")
    return invalid("unknown option '" + name +
                   "'; there are db, timeout, ca, cert, key, sni, verify, sentinel_user, sentinel_password");
  if (!url.tls) return invalid("'" + name + "' is for TLS; write rediss:// for redis://");
  if (text == nullptr) {
    if (*value != "none" && *value != "peer") return invalid("verify is 'peer' (as without it) or 'none'");
    tls.verify = *value == "peer";
    return Done{};
  }
  if (value->empty()) return invalid("'" + name + "' is empty; leave it out or give it a value");
  *text = *value;
  return Done{};
}

Status read_options(std::string_view text, Url& url) {
  while (!text.empty())
    if (auto read = read_option(cut(text, '&'), url); !read) return read;
  const auto& tls = url.tls_options;
  if (tls.cert_file.empty() != tls.key_file.empty())
    return invalid("'cert' and 'key' go together; give both files, the same one twice if it holds both");
  if (!url.sentinel_login.user.empty() && url.sentinel_login.password.empty())
    return invalid("'sentinel_user' without 'sentinel_password'");
  return Done{};
}

// "/master/0" of a sentinel's, "/0" of a server's, nothing of a cluster's.
Status read_path(std::string_view path, Url& url) {
  if (url.kind == Url::Kind::sentinel) {
    const auto master = decode(cut(path, '/'));
    if (!master || master->empty())
      return invalid("the name of the master is missing; write redis+sentinel://host:26379/mymaster");
    url.master = *master;
  }
  return path.empty() ? Status(Done{}) : read_database(path, url);
}

Status read_hosts(std::string_view text, Url& url) {
  const std::uint16_t port = url.kind == Url::Kind::sentinel ? 26379 : 6379;
  if (url.kind == Url::Kind::single && text.find(',') != std::string_view::npos)
    return invalid("several hosts; write redis+cluster:// or redis+sentinel:// for them");
  do {
    auto host = read_host(cut(text, ','), port);
    if (!host) return host.error();
    url.hosts.push_back(std::move(*host));
  } while (!text.empty());
  return Done{};
}

Status read_authority(std::string_view text, const Scheme& scheme, Url& url) {
  if (scheme.unix_path) {
    if (const auto at = text.find('/'); at != 0) {  // user:password@/path
      if (at == std::string_view::npos || text[at - 1] != '@')
        return invalid("a socket's path begins with '/'; write redis+unix:///run/redis.sock");
      if (auto read = read_login(text.substr(0, at - 1), url.login); !read) return read;
      text.remove_prefix(at);
    }
    const auto path = decode(text);
    if (!path || path->size() < 2) return invalid("the socket's path is missing or has a bad '%'");
    url.hosts.push_back({.kind = net::Address::Kind::unix_path, .path = *path});
    return Done{};
  }
  std::string_view path = text;
  std::string_view hosts = cut(path, '/');
  if (const auto at = hosts.rfind('@'); at != std::string_view::npos) {
    if (auto read = read_login(hosts.substr(0, at), url.login); !read) return read;
    hosts.remove_prefix(at + 1);
  }
  if (auto read = read_hosts(hosts, url); !read) return read;
  return read_path(path, url);
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  const auto colon = text.find("://");
  const Scheme* scheme = colon == std::string_view::npos ? nullptr : find_scheme(text.substr(0, colon));
  if (scheme == nullptr)
    return invalid(
        "it begins with none of redis://, rediss://, redis+unix://, redis+sentinel://, redis+cluster://, "
        "rediss+sentinel://, rediss+cluster://");
  std::string_view options = text.substr(colon + 3);
  const std::string_view place = cut(options, '?');
  Url url{.kind = scheme->kind, .tls = scheme->tls};
  if (auto read = read_authority(place, *scheme, url); !read) {
    // What was taken for a port may be a password then: it is not told.
    const std::string_view authority = text.substr(colon + 3);
    if (!scheme->unix_path && authority.rfind('@') != std::string_view::npos &&
        authority.rfind('@') > authority.find_first_of("/?"))
      return invalid("a '/' or '?' stands before the '@'; in a user or password write %2F or %3F");
    return read.error();
  }
  if (auto read = read_options(options, url); !read) return read.error();
  if (!url.login.user.empty() && url.login.password.empty())
    return invalid("a user without a password; write user:password@");
  return url;
}

std::string Url::text() const {
  const bool is_unix = hosts.front().kind == net::Address::Kind::unix_path;
  std::string text = tls ? "rediss" : "redis";
  text += is_unix ? "+unix" : kind == Kind::sentinel ? "+sentinel" : kind == Kind::cluster ? "+cluster" : "";
  text += "://";
  for (std::size_t i = 0; i < hosts.size(); ++i)
    text += (i > 0 ? "," : "") + (is_unix ? hosts[i].path : hosts[i].text());
  if (kind == Kind::sentinel) text += "/" + master;
  if (database != 0) text += (is_unix ? "?db=" : "/") + std::to_string(database);
  return text;
}

}  // namespace sluice::redis
