#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <vector>

#include "net/tls_stream.h"

namespace sluice::net {

namespace {

constexpr long kTicketSeconds = 3600;
// Of TLS 1.2. 1.3 has none but such.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kSessions[] = "sluice";

template <class T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* t) const { kFree(t); }
};
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
struct FreedBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Text = std::unique_ptr<BIO, FreedBio>;

Error bad(const char* what, const PemFile& file, const std::string& why) {
  return {Code::invalid_argument, "TLS: " + std::string(what) + " '" + file.path + "' " + why};
}

Text open(const PemFile& file) {
  return Text(BIO_new_mem_buf(file.text.data(), static_cast<int>(file.text.size())));
}

/// Never asks: OpenSSL's own would, on the terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

/// All certificates of a file. Anything between them that is no certificate is an error, not the end.
Result<std::vector<Certificate>> certificates(const char* what, const PemFile& file) {
  std::vector<Certificate> all;
  const Text text = open(file);
  ERR_clear_error();
  while (Certificate next{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)})
    all.push_back(std::move(next));
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  if (all.empty() && end)
    return bad(what, file,
               "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)" +
                   std::string(file.text.find("PRIVATE KEY") != file.text.npos
                                   ? "; it holds a key: are the files swapped?"
                                   : "; from DER: openssl x509 -inform DER -in FILE -out FILE.pem"));
  if (!end)
    return bad(what, file,
               "has a certificate that is damaged (number " + std::to_string(all.size() + 1) +
                   "); was it copied whole?");
  return all;
}

std::int64_t seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(::timegm(&parts)) : 0;
}

std::string date(std::int64_t at) {
  const std::time_t t = at;
  std::tm parts{};
  ::gmtime_r(&t, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Status use_chain(ServerTlsImpl& tls, const PemFile& file, std::int64_t now) {
  auto chain = certificates("the certificate", file);
  if (!chain) return chain.error();
  X509* const first = chain->front().get();
  const auto begins = seconds(X509_get0_notBefore(first));
  tls.expires = seconds(X509_get0_notAfter(first));
  if (now >= tls.expires)
    return bad("the certificate", file, "expired at " + date(tls.expires) + "; renew it");
  if (now < begins)
    return bad("the certificate", file,
               "holds from " + date(begins) + " on alone; is this machine's clock right?");
  if (SSL_CTX_use_certificate(tls.context.get(), first) != 1) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return bad("the certificate", file,
               "is not usable: " + std::string(reason != nullptr ? reason : "unknown") +
                   "; take a key of 2048 bits of RSA or 256 of ECDSA at least");
  }
  for (std::size_t i = 1; i < chain->size(); ++i)
    SSL_CTX_add1_chain_cert(tls.context.get(), (*chain)[i].get());
  return Done{};
}

Status use_key(SSL_CTX* context, const TlsFiles& files) {
  const Text text = open(files.key);
  bool asked = false;
  const Key key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, &asked));
  if (asked)
    return bad(
        "the key", files.key,
        "is encrypted, and there is nobody to ask for its passphrase; decrypt it: openssl pkey -in FILE "
        "-out FILE.plain");
  if (!key)
    return bad("the key", files.key,
               "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)" +
                   std::string(files.key.text.find("BEGIN CERTIFICATE") != files.key.text.npos
                                   ? "; it holds a certificate: are the files swapped?"
                                   : ""));
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return bad("the key", files.key,
               "is not that of the first certificate in '" + files.cert.path +
                   "'; give the two that were made together");
  return Done{};
}

Status use_client_ca(SSL_CTX* context, const PemFile& file) {
  if (file.path.empty()) return Done{};
  auto all = certificates("the clients' CA", file);
  if (!all) return all.error();
  for (const auto& certificate : *all) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    SSL_CTX_add_client_CA(context, certificate.get());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return Done{};
}

void set_rules(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kCiphers);
  // A peer that goes without a close_notify is as one that closes in the clear: every protocol here says for
  // itself where a request ends, so a cut cannot pass for an end.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);  // TlsStream::read() says why.
  SSL_CTX_set_read_ahead(context, 1);                // A record in one system call, not two.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context, kSessions, sizeof kSessions - 1);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
}

}  // namespace

Result<std::shared_ptr<const ServerTls>> ServerTls::make(const TlsFiles& files, std::int64_t now) {
  auto tls = std::make_shared<ServerTlsImpl>();
  SSL_CTX* const context = tls->context.get();
  if (context == nullptr) return Error{Code::unavailable, "TLS: OpenSSL cannot start"};
  set_rules(context);
  ERR_clear_error();
  auto status = use_chain(*tls, files.cert, now);
  if (status) status = use_key(context, files);
  if (status) status = use_client_ca(context, files.client_ca);
  ERR_clear_error();
  if (!status) return status.error();
  return std::shared_ptr<const ServerTls>(std::move(tls));
}

}  // namespace sluice::net
