#include "cli/way.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "policy/yaml.h"

namespace sluice::cli {

namespace {

constexpr net::TlsWords kWords{.ca = "--tls-ca", .name = "--tls-name", .cert = "--tls-cert and --tls-key"};
constexpr std::size_t kSecretFileMax = 4096;

/// From the file, the flag or the environment.
Result<std::string> read_secret(const std::string& flag, const std::string& file, const char* variable) {
  if (!file.empty()) {
    auto text = policy::read_small_file(file, kSecretFileMax);
    if (!text) return Error{text.error().code, file + ": " + text.error().message};
    text->erase(text->find_last_not_of("\r\n") + 1);
    if (text->empty() || text->find('\n') != text->npos)
      return Error{Code::invalid_argument, file + ": one line is wanted, the secret alone"};
    return text;
  }
  const char* const from_environment = std::getenv(variable);
  return !flag.empty() ? flag : from_environment != nullptr ? from_environment : "";
}

}  // namespace

void add_way(CLI::App& command, WayOptions& o, bool password) {
  if (password) {
    command
        .add_option(
            "--password", o.password,
            "The RESP door's password. Better in SLUICE_PASSWORD or a file: others can see arguments.")
        ->type_name("TEXT");
    command.add_option("--password-file", o.password_file, "A file with the password alone.")
        ->type_name("FILE");
  }
  command
      .add_option("--token", o.token,
                  "A token, where the server asks for one. Better in SLUICE_TOKEN or a file: others can see "
                  "arguments.")
      ->type_name("TEXT");
  command.add_option("--token-file", o.token_file, "A file with the token alone.")->type_name("FILE");
  command.add_flag("--tls", o.tls, "Speak TLS. Any other option of TLS implies it.");
  command.add_option("--tls-ca", o.tls_ca, "CAs in PEM to trust; default: those that the system trusts.")
      ->type_name("FILE");
  command.add_option("--tls-cert", o.tls_cert, "A certificate in PEM, where the server asks for one.")
      ->type_name("FILE");
  command.add_option("--tls-key", o.tls_key, "Its private key, in PEM.")->type_name("FILE");
  command
      .add_option("--tls-name", o.tls_name,
                  "The name that the server's certificate must have; default: the host of --server.")
      ->type_name("NAME");
  command.add_flag("--tls-insecure", o.tls_insecure,
                   "Accept any certificate: private, but nobody knows with whom. To try things out.");
}

Result<Way> Way::of(const WayOptions& o) {
  Way way;
  auto password = read_secret(o.password, o.password_file, "SLUICE_PASSWORD");
  if (!password) return password.error();
  auto token = read_secret(o.token, o.token_file, "SLUICE_TOKEN");
  if (!token) return token.error();
  way.password = std::move(*password);
  way.token = std::move(*token);
  if (way.token.find_first_of(" \r\n") != way.token.npos)
    return Error{Code::invalid_argument, "a token holds no space and no line's end"};
  const bool wanted =
      o.tls || o.tls_insecure || !o.tls_ca.empty() || !o.tls_cert.empty() || !o.tls_name.empty();
  if (o.tls_cert.empty() != o.tls_key.empty())
    return Error{Code::invalid_argument, "--tls-cert and --tls-key go together; give both"};
  if (!wanted) return way;
  auto tls = net::OutgoingTls::make({.ca_file = o.tls_ca,
                                     .cert_file = o.tls_cert,
                                     .key_file = o.tls_key,
                                     .server_name = o.tls_name,
                                     .verify = !o.tls_insecure});
  if (!tls) return tls.error();
  way.tls = std::move(*tls);
  return way;
}

Result<net::Client> Way::connect(const net::Address& address, Duration timeout) const {
  return net::Client::connect(address, tls.get(), kWords, timeout);
}

std::string Way::authorization() const {
  return token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
}

void hide_secrets(int argc, char** argv) {
  constexpr std::string_view kFlags[] = {"--password", "--token", "--store", "--log-key-secret"};
  const auto hide = [](std::string_view flag, char* text) {
    if (flag != "--store" || std::strchr(text, '@') != nullptr) std::memset(text, '*', std::strlen(text));
  };
  for (int i = 1; i < argc; ++i)
    for (const auto flag : kFlags) {
      const std::string_view argument = argv[i];
      if (argument == flag && i + 1 < argc)
        hide(flag, argv[i + 1]);
      else if (argument.size() > flag.size() && argument.starts_with(flag) && argument[flag.size()] == '=')
        hide(flag, argv[i] + flag.size() + 1);
    }
}

}  // namespace sluice::cli
