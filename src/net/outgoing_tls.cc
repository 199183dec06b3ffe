#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

#include "net/outgoing_tls_impl.h"

namespace sluice::net {
namespace {

Error bad_file(const char* what, const std::string& file, const boost::system::error_code& error) {
  return {Code::invalid_argument, "TLS: " + std::string(what) + " '" + file + "': " + error.message() +
                                      "; it must be a readable file in PEM"};
}

Status load(OutgoingTlsImpl& tls) {
  const TlsOptions& o = tls.options;
  boost::system::error_code error;
  if (o.ca_file.empty())
    tls.context.set_default_verify_paths(error);
  else
    tls.context.load_verify_file(o.ca_file, error);
  if (error) return bad_file("the CA", o.ca_file, error);
  if (o.cert_file.empty()) return Done{};
  tls.context.use_certificate_chain_file(o.cert_file, error);
  if (error) return bad_file("the certificate", o.cert_file, error);
  tls.context.use_private_key_file(o.key_file, boost::asio::ssl::context::pem, error);
  if (error && ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH)
    return Error{Code::invalid_argument,
                 "TLS: the key '" + o.key_file + "' is not that of the certificate '" + o.cert_file + "'"};
  if (error) return bad_file("the key", o.key_file, error);
  return Done{};
}

bool is_address(const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

Result<std::shared_ptr<const OutgoingTls>> OutgoingTls::make(const TlsOptions& options) {
  auto tls = std::make_shared<OutgoingTlsImpl>();
  tls->options = options;
  SSL_CTX* const context = tls->context.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (auto loaded = load(*tls); !loaded) return loaded.error();
  return std::shared_ptr<const OutgoingTls>(std::move(tls));
}

void OutgoingTlsImpl::prepare(SSL* ssl, const std::string& host) const {
  const std::string& name = options.server_name.empty() ? host : options.server_name;
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
    return;  // SNI has names alone.
  }
  SSL_set_tlsext_host_name(ssl, name.c_str());
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl, name.c_str());
}

std::string tls_error(const boost::system::error_code& error, SSL* ssl, const TlsWords& words) {
  if (error.category() != boost::asio::error::get_ssl_category()) {
    if (error == boost::asio::error::eof || error == boost::asio::ssl::error::stream_truncated)
      return "the server closed the connection";
    return error.message();
  }
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long verdict = SSL_get_verify_result(ssl);
    const bool name = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
    return std::string("the server's certificate is not accepted: ") +
           X509_verify_cert_error_string(verdict) +
           (name ? "; connect by a name that is in it, or give that as " + std::string(words.name)
                 : "; give the file of the CA that signed it as " + std::string(words.ca));
  }
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG)
    return "the server does not speak TLS on this port: name its TLS port, or connect without TLS";
  if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED || reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
      reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE)
    return "the server does not accept our certificate (" + error.message() +
           "): give one that it trusts as " + std::string(words.cert);
  return error.message();
}

}  // namespace sluice::net
