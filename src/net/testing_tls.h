// testing_tls.h: certificates made on the spot, and a blocking TLS client, for tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "net/testing_listener.h"
#include "net/tls.h"

namespace sluice::net {

using TestKey = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using TestCertificate = std::unique_ptr<X509, void (*)(X509*)>;

template <class Write>
std::string pem_of(Write&& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

/// A key and its certificate, signed by `by` or by itself, holding from `from` to `to` seconds from now.
struct TestIdentity {
  explicit TestIdentity(const char* name, const TestIdentity* by = nullptr, long from = -60, long to = 3600)
      : key(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate(X509_new(), X509_free) {
    X509* const x = certificate.get();
    static long serial = 0;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(by != nullptr ? by->certificate.get() : x));
    X509V3_CTX context;
    X509V3_set_ctx(&context, by != nullptr ? by->certificate.get() : x, x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, NID_basic_constraints,
                                                    by != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x, by != nullptr ? by->key.get() : key.get(), EVP_sha256());
  }
  std::string cert_pem() const {
    return pem_of([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); });
  }
  std::string key_pem(const char* passphrase = nullptr) const {
    return pem_of([&](BIO* bio) {
      PEM_write_bio_PKCS8PrivateKey(
          bio, key.get(), passphrase != nullptr ? EVP_aes_128_cbc() : nullptr, passphrase,
          passphrase != nullptr ? static_cast<int>(std::strlen(passphrase)) : 0, nullptr, nullptr);
    });
  }

  TestKey key;
  TestCertificate certificate;
};

inline TlsFiles files_of(const TestIdentity& server, const TestIdentity* client_ca = nullptr) {
  TlsFiles files{{"server.pem", server.cert_pem()}, {"server.key", server.key_pem()}, {}};
  if (client_ca != nullptr) files.client_ca = {"clients.pem", client_ca->cert_pem()};
  return files;
}

/// A blocking client that trusts `ca`.
class TlsPeer {
 public:
  struct Options {
    const TestIdentity* identity = nullptr;
    int version = 0;   // The only one; 0: any.
    std::string alpn;  // One protocol; empty: none.
    SSL_SESSION* resume = nullptr;
  };

  TlsPeer(const Address& address, const TestIdentity& ca, const Options& options)
      : peer(address), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(nullptr, SSL_free) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), ca.certificate.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (options.version != 0) {
      SSL_CTX_set_security_level(context_.get(), 0);
      SSL_CTX_set_min_proto_version(context_.get(), options.version);
      SSL_CTX_set_max_proto_version(context_.get(), options.version);
    }
    if (options.identity != nullptr) {
      SSL_CTX_use_certificate(context_.get(), options.identity->certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), options.identity->key.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    if (!options.alpn.empty()) {
      const std::string wire = static_cast<char>(options.alpn.size()) + options.alpn;
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned int>(wire.size()));
    }
    if (options.resume != nullptr) SSL_set_session(ssl_.get(), options.resume);
    SSL_set_fd(ssl_.get(), peer.fd());
    connected = SSL_connect(ssl_.get()) == 1;
  }
  void say(std::string_view text) {
    std::size_t n = 0;
    while (!text.empty() && SSL_write_ex(ssl_.get(), text.data(), text.size(), &n) == 1)
      text.remove_prefix(n);
  }
  std::string hear(std::size_t n) {
    std::string text(n, '\0');
    std::size_t got = 0, k = 0;
    while (got < n && SSL_read_ex(ssl_.get(), text.data() + got, n - got, &k) == 1) got += k;
    text.resize(got);
    return text;
  }
  std::string ask(const std::string& line) {
    say(line + "\n");
    return hear(line.size() + 1) == line + "\n" ? line : "<end>";
  }
  /// The server has said that it is over, as TLS says it.
  bool at_end() { return hear(1).empty() && (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  bool alive() { return connected && ask("alive?") == "alive?"; }
  SSL* ssl() { return ssl_.get(); }

  Peer peer;
  bool connected = false;

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

}  // namespace sluice::net
