// outgoing_tls_impl.h: what src/net/outgoing*.cc share of TLS. Includes Asio and OpenSSL.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <string>

#include "net/outgoing_tls.h"

namespace sluice::net {

class OutgoingTlsImpl final : public OutgoingTls {
 public:
  OutgoingTlsImpl() : context(boost::asio::ssl::context::tls_client) {}

  /// Of one connection to `host`: whom to ask for, and whose certificate to accept.
  void prepare(SSL* ssl, const std::string& host) const;

  mutable boost::asio::ssl::context context;  // Changed by make() alone; OpenSSL counts its users atomically.
  TlsOptions options;
};

/// What went wrong in TLS, and the mend where there is one.
std::string tls_error(const boost::system::error_code& error, SSL* ssl, const TlsWords& words = {});

}  // namespace sluice::net
