#include "server/door_tls.h"

#include <algorithm>
#include <ctime>

#include "policy/yaml.h"
#include "server/log.h"

namespace sluice::server {

namespace {

constexpr std::int64_t kDay = 24 * 3600;
constexpr std::int64_t kExpirySoon = 14 * kDay;

Result<net::PemFile> read(const std::string& path) {
  if (path.empty()) return net::PemFile{};
  auto text = policy::read_small_file(path);
  if (!text) return Error{text.error().code, "TLS: '" + path + "' " + text.error().message};
  return net::PemFile{path, std::move(*text)};
}

Error wrong(std::string message) { return {Code::invalid_argument, std::move(message)}; }

}  // namespace

Result<std::unique_ptr<DoorTls>> DoorTls::open(const Config& config, Process& process) {
  if (config.tls_cert.empty()) {
    if (!config.tls_key.empty() || !config.tls_client_ca.empty())
      return wrong("tls_key and tls_client_ca need a certificate; give it by tls_cert");
    if (config.tls != Config{}.tls)
      return wrong("tls names doors, but there is no certificate; give it by tls_cert and tls_key");
    return std::unique_ptr<DoorTls>();
  }
  if (config.tls_key.empty())
    return wrong("tls_cert needs the certificate's private key; give it by tls_key");
  std::unique_ptr<DoorTls> tls(new DoorTls(config, process));
  if (auto status = tls->read_doors(); !status) return status.error();
  auto files = tls->read_files();
  if (!files) return files.error();
  if (auto status = tls->put_in_force(std::move(*files)); !status) return status.error();
  tls->log_in_force("TLS on");
  return tls;
}

Status DoorTls::read_doors() {
  std::string known;
  for (const Door& door : doors()) {
    known += (known.empty() ? "" : ", ") + std::string(door.name);
    if (config_.tls == "all") doors_.emplace(door.name);
  }
  if (config_.tls == "all") return Done{};
  for (std::size_t from = 0; from <= config_.tls.size();) {
    const auto comma = std::min(config_.tls.find(',', from), config_.tls.size());
    auto name = config_.tls.substr(from, comma - from);
    name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
    name.erase(name.find_last_not_of(' ') + 1);
    if (std::none_of(doors().begin(), doors().end(), [&](const Door& d) { return d.name == name; }))
      return wrong("tls: there is no door \"" + name + "\"; give all, or a list of " + known);
    doors_.insert(std::move(name));
    from = comma + 1;
  }
  return Done{};
}

Result<net::TlsFiles> DoorTls::read_files() const {
  net::TlsFiles files;
  for (const auto& [path, file] :
       {std::pair(&config_.tls_cert, &files.cert), std::pair(&config_.tls_key, &files.key),
        std::pair(&config_.tls_client_ca, &files.client_ca)}) {
    auto one = read(*path);
    if (!one) return one.error();
    *file = std::move(*one);
  }
  return files;
}

Status DoorTls::put_in_force(net::TlsFiles files) {
  auto tls = net::ServerTls::make(files, std::time(nullptr));
  if (!tls) return tls.error();
  process_.tls_expires.store((*tls)->expires, std::memory_order_relaxed);
  current_.replace(std::move(*tls));
  files_ = std::move(files);
  return Done{};
}

void DoorTls::log_in_force(const char* what) const {
  std::string names;
  for (const auto& door : doors_) names += (names.empty() ? " " : ", ") + door;
  const auto left = process_.tls_expires.load(std::memory_order_relaxed) - std::time(nullptr);
  log(left < kExpirySoon ? Level::warning : Level::info,
      what + names + ": " + config_.tls_cert + " expires in " +
          (left < 2 * kDay ? std::to_string(left / 3600) + " hours" : std::to_string(left / kDay) + " days") +
          (config_.tls_client_ca.empty() ? "" : "; clients must have a certificate"));
}

void DoorTls::watch(net::Loop& loop) {
  for (const auto* path : {&config_.tls_cert, &config_.tls_key, &config_.tls_client_ca}) {
    if (path->empty()) continue;
    watches_.push_back(std::make_unique<Watch>(*path, [this] { take(false); }));
    watches_.back()->start(loop);
  }
}

void DoorTls::take(bool even_if_same) {
  auto files = read_files();
  if (files && *files == files_ && !even_if_same) {
    refused_.clear();
    return;
  }
  const auto status = files ? put_in_force(std::move(*files)) : Status(files.error());
  if (status) {
    refused_.clear();
    process_.tls_reloads.fetch_add(1, std::memory_order_relaxed);
    return log_in_force("TLS reloaded on");
  }
  if (status.error().message == refused_ && !even_if_same) return;
  refused_ = status.error().message;
  process_.tls_rejected.fetch_add(1, std::memory_order_relaxed);
  log(Level::error, "new files of TLS refused, the old ones stay in force: " + refused_);
}

std::string exposure_warning(const std::vector<std::string>& doors) {
  std::string names;
  for (const auto& door : doors) names += (names.empty() ? "" : ", ") + door;
  return "without TLS beyond this machine: " + names +
         "; whoever reaches it can ask, and whoever is on the way can read, passwords and tokens too. Give "
         "tls_cert and "
         "tls_key, or listen on 127.0.0.1 or a unix socket";
}

}  // namespace sluice::server
