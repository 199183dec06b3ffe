// TLS over real sockets, with OpenSSL's own client and with peers that speak no TLS, or half of it.
#include "net/tls.h"

#include <gtest/gtest.h>

#include <csignal>
#include <vector>

#include "net/testing_tls.h"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;

std::string error_of(const TlsFiles& files) {
  auto tls = ServerTls::make(files, std::time(nullptr));
  return tls ? "" : tls.error().message;
}

class Tls : public Net {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }  // The client's; the server raises none.

  void start(Listener::Options options = {}, bool mutual = false, std::int64_t max = 1000) {
    replace(server_, mutual);
    options.tls = &current_;
    options.handshake_failed = [this](std::string_view message) { told_ = message; };
    Net::start(options, "127.0.0.1:0", max);
  }
  void replace(const TestIdentity& identity, bool mutual = false) {
    auto tls = ServerTls::make(files_of(identity, mutual ? &ca_ : nullptr), std::time(nullptr));
    ASSERT_TRUE(tls) << tls.error().message;
    current_.replace(*tls);
  }
  TlsPeer tls_peer(const TlsPeer::Options& options = {}) { return {bound_.address, ca_, options}; }
  std::string told() {
    std::string text;
    on_loop([&] { text = told_; });
    return text;
  }

  const TestIdentity ca_{"test CA"};
  const TestIdentity server_{"server", &ca_};
  CurrentTls current_;
  std::string told_;  // The loop's.
};

TEST_F(Tls, BothVersionsAnswerInOrder) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto p = tls_peer({.version = version});
    ASSERT_TRUE(p.connected) << version;
    std::string text;
    for (int i = 0; i < 300; ++i) text += "line " + std::to_string(i) + "\n";
    p.say(text);
    EXPECT_EQ(p.hear(text.size()), text);
    for (const char c : std::string_view("one\ntwo\n")) p.say({&c, 1});
    EXPECT_EQ(p.hear(8), "one\ntwo\n");
    p.say("a\nlater\nb\nquit\n");
    EXPECT_EQ(p.hear(13), "a\nlate\nb\nbye\n");
    EXPECT_TRUE(p.at_end());
  }
  EXPECT_EQ(stats().handshakes, 2u);
}

TEST_F(Tls, OldVersionsAreTurnedAway) {
  start();
  EXPECT_FALSE(tls_peer({.version = TLS1_1_VERSION}).connected);
  eventually([&] { return stats().handshakes_failed == 1; });
  EXPECT_NE(told().find("the client knows no TLS 1.2 or newer"), std::string::npos) << told();
}

TEST_F(Tls, LargeRequestsAndRepliesBothWaysAtOnce) {
  start();
  auto p = tls_peer();
  const std::string line(1'500'000, 'y');
  p.say("big 3000000\n");
  p.say(line.substr(0, 500'000));  // The kernel's buffers hold this much; the replies wait for us.
  EXPECT_EQ(p.hear(3'000'000), std::string(3'000'000, 'x'));
  EXPECT_EQ(p.hear(1), "\n");
  p.say(line.substr(500'000) + "\nafter\n");
  EXPECT_EQ(p.hear(line.size() + 1), line + "\n");
  EXPECT_EQ(p.hear(6), "after\n");
}

TEST_F(Tls, ALongPipelineWhoseRepliesAreReadSlowly) {
  start();
  auto p = tls_peer();
  std::string all;
  for (int i = 0; i < 40; ++i) all += "big 100000\nline " + std::to_string(i) + "\n";
  p.say(all);
  EXPECT_TRUE(tls_peer().alive()) << "costs no other";
  for (int i = 0; i < 40; ++i) {
    const auto want = std::string(100'000, 'x') + "\nline " + std::to_string(i) + "\n";
    ASSERT_EQ(p.hear(want.size()), want) << i;
  }
}

TEST_F(Tls, GarbageInsteadOfAHello) {
  start();
  for (const std::string& words : {std::string("PING\r\n"), std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                                   std::string("\x16\x03\x01\xff\xff"), std::string(100'000, '\0')}) {
    auto p = peer();
    p.say(words);
    const auto alert = p.hear(1'000);
    EXPECT_TRUE(alert.empty() || alert[0] == '\x15') << "an alert of TLS, if anything";
  }
  eventually([&] { return stats().handshakes_failed == 4 && admission_->open == 0; });
  EXPECT_NE(told().find("the client does not speak TLS"), std::string::npos) << told();
  EXPECT_TRUE(tls_peer().alive());
}

TEST_F(Tls, HalfAHandshakeHasItsTime) {
  Listener::Options o;
  o.limits.handshake = milliseconds(300);
  start(o);
  auto silent = peer(), half = peer();
  half.say("\x16\x03\x01");
  auto drip = peer();
  std::thread dripping([&] {
    for (int i = 0; i < 40; ++i) drip.say("\x16"), std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_TRUE(silent.at_end());
  EXPECT_TRUE(half.at_end());
  dripping.join();
  eventually([&] { return admission_->open == 0; });
  EXPECT_GE(stats().closed_handshake, 2u);  // The drip may have been no TLS before.
}

TEST_F(Tls, HandshakesCountAsConnections) {
  start({}, false, 2);
  auto a = tls_peer();
  EXPECT_TRUE(a.alive());
  auto half = peer();
  eventually([&] { return admission_->open == 2; });
  EXPECT_FALSE(tls_peer().connected);
  EXPECT_EQ(peer().hear(100), std::string("\x15\x03\x03\x00\x02\x02\x50", 7))
      << "internal_error, as TLS says it";
}

TEST_F(Tls, PeersThatGoInTheMiddle) {
  start();
  {
    auto at_once = peer(), in_the_hello = peer();
    in_the_hello.say("\x16\x03\x01\x02");
    auto waiting = tls_peer();
    waiting.say("a\nlater\n");
    auto full = tls_peer();
    full.say("big 5000000\nlater\n");
    EXPECT_EQ(full.hear(1), "x");
  }
  eventually([&] { return admission_->open == 0; });
  EXPECT_EQ(stats().handshakes_failed, 0u) << "nothing to tell of";
  EXPECT_TRUE(tls_peer().alive());
}

TEST_F(Tls, AHalfClosedPeerGetsAllItsAnswers) {
  start();
  for (const bool politely : {true, false}) {
    auto p = tls_peer();
    p.say("a\nlater\nbig 1000000\nunfinished");
    if (politely) SSL_shutdown(p.ssl());
    ::shutdown(p.peer.fd(), SHUT_WR);
    EXPECT_EQ(p.hear(7), "a\nlate\n");
    EXPECT_EQ(p.hear(1'000'000), std::string(1'000'000, 'x'));
    EXPECT_EQ(p.hear(1), "\n");
  }
  eventually([&] { return admission_->open == 0; });
}

TEST_F(Tls, AHalfRecordIsAHalfRequest) {
  Listener::Options o;
  o.limits.partial = milliseconds(300);
  start(o);
  auto p = tls_peer();
  EXPECT_TRUE(p.alive());
  p.peer.say(std::string("\x17\x03\x03\x40\x00half", 9));
  EXPECT_EQ(p.hear(8), "partial\n");
}

TEST_F(Tls, ADamagedRecordEndsTheConnection) {
  start();
  auto p = tls_peer();
  EXPECT_TRUE(p.alive());
  p.peer.say(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  EXPECT_EQ(p.hear(1), "");
  eventually([&] { return admission_->open == 0; });
}

TEST_F(Tls, RenegotiationIsRefused) {
  start();
  auto p = tls_peer({.version = TLS1_2_VERSION});
  EXPECT_TRUE(p.alive());
  ASSERT_EQ(SSL_renegotiate(p.ssl()), 1);
  EXPECT_NE(SSL_do_handshake(p.ssl()), 1);
}

TEST_F(Tls, KeysAreUpdatedAsOftenAsThePeerLikes) {
  start();
  auto p = tls_peer({.version = TLS1_3_VERSION});
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(SSL_key_update(p.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(p.alive()) << i;
  }
}

TEST_F(Tls, AlpnChoosesOrRefuses) {
  Listener::Options o;
  o.alpn = {.protocol = "h2", .required = true};
  start(o);
  auto good = tls_peer({.alpn = "h2"});
  EXPECT_TRUE(good.alive());
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(good.ssl(), &chosen, &size);
  EXPECT_EQ(size, 2u);
  EXPECT_FALSE(tls_peer({.alpn = "http/1.1"}).alive());
  EXPECT_FALSE(tls_peer().alive());
  eventually([&] { return stats().handshakes_failed == 2; });
}

TEST_F(Tls, ClientsShowACertificateWhereOneIsAskedFor) {
  start({}, true);
  const TestIdentity client("client", &ca_), stranger_ca("other CA"), stranger("client", &stranger_ca);
  const TestIdentity late("client", &ca_, -60, -30);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_TRUE(tls_peer({.identity = &client, .version = version}).alive());
    EXPECT_FALSE(tls_peer({.version = version}).alive());
    EXPECT_FALSE(tls_peer({.identity = &stranger, .version = version}).alive());
    EXPECT_FALSE(tls_peer({.identity = &late, .version = version}).alive());
  }
  eventually([&] { return stats().handshakes_failed == 6; });
  EXPECT_NE(told().find("the client has no certificate"), std::string::npos) << told();
}

// A ticket spares the certificate's check, so it must not outlive the CA that it was checked by.
TEST_F(Tls, SessionsResumeUntilTheFilesChange) {
  start({}, true);
  const TestIdentity client("client", &ca_);
  auto first = tls_peer({.identity = &client});
  ASSERT_TRUE(first.alive());  // The ticket comes with the first bytes.
  const std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> session(SSL_get1_session(first.ssl()),
                                                                     SSL_SESSION_free);
  auto again = tls_peer({.identity = &client, .resume = session.get()});
  EXPECT_TRUE(again.alive());
  EXPECT_EQ(SSL_session_reused(again.ssl()), 1);
  replace(server_, true);
  auto after = tls_peer({.identity = &client, .resume = session.get()});
  EXPECT_TRUE(after.alive());
  EXPECT_EQ(SSL_session_reused(after.ssl()), 0);
  EXPECT_TRUE(first.alive());
}

TEST_F(Tls, NewFilesForNewConnectionsAlone) {
  start();
  auto old = tls_peer();
  EXPECT_TRUE(old.alive());
  const TestIdentity renewed("renewed", &ca_);
  replace(renewed);
  auto p = tls_peer();
  EXPECT_TRUE(p.alive());
  const TestCertificate shown(SSL_get1_peer_certificate(p.ssl()), X509_free);
  EXPECT_EQ(X509_cmp(shown.get(), renewed.certificate.get()), 0);
  EXPECT_TRUE(old.alive());
}

TEST_F(Tls, DrainAnswersWhatHasArrivedAndEndsHandshakes) {
  start();
  auto busy = tls_peer(), quiet = tls_peer();
  auto half = peer();
  half.say("\x16\x03\x01");
  EXPECT_TRUE(busy.alive() && quiet.alive());
  eventually([&] { return admission_->open == 3; });
  on_loop([&] {
    busy.say("1\n2\n");
    listener_->drain();
  });
  EXPECT_EQ(busy.hear(13), "1\n2\ndraining\n");
  EXPECT_TRUE(busy.at_end());
  EXPECT_EQ(quiet.hear(9), "draining\n");
  EXPECT_TRUE(half.at_end());
}

TEST_F(Tls, AConnectionAtRestGivesItsBufferBack) {
  start();
  auto p = tls_peer();
  const std::string line(300'000, 'y');
  EXPECT_EQ(p.ask(line), line);
  std::this_thread::sleep_for(std::chrono::seconds(6));  // The test holds without, and then shows less.
  EXPECT_TRUE(p.alive());
}

// ---- files

TEST(TlsFilesTest, ErrorsNameTheFileAndTheMend) {
  const TestIdentity ca("CA"), server("server", &ca), other("other", &ca);
  const auto good = files_of(server, &ca);
  EXPECT_EQ(error_of(good), "");
  const auto with = [&](auto change) {
    auto files = good;
    change(files);
    return error_of(files);
  };
  EXPECT_EQ(with([&](TlsFiles& f) { f.key.text = other.key_pem(); }),
            "TLS: the key 'server.key' is not that of the first certificate in 'server.pem'; give the two "
            "that were "
            "made together");
  EXPECT_EQ(
      with([&](TlsFiles& f) { f.key.text = server.key_pem("secret"); }),
      "TLS: the key 'server.key' is encrypted, and there is nobody to ask for its passphrase; decrypt it: "
      "openssl pkey -in FILE -out FILE.plain");
  EXPECT_EQ(with([&](TlsFiles& f) { std::swap(f.cert.text, f.key.text); }),
            "TLS: the certificate 'server.pem' holds no certificate in PEM (-----BEGIN CERTIFICATE-----); it "
            "holds a "
            "key: are the files swapped?");
  EXPECT_EQ(with([&](TlsFiles& f) { f.key.text = f.cert.text; }),
            "TLS: the key 'server.key' holds no private key in PEM (-----BEGIN PRIVATE KEY-----); it holds a "
            "certificate: are the files swapped?");
  EXPECT_EQ(with([&](TlsFiles& f) { f.cert.text = "\x30\x82\x01"; }),
            "TLS: the certificate 'server.pem' holds no certificate in PEM (-----BEGIN CERTIFICATE-----); "
            "from DER: "
            "openssl x509 -inform DER -in FILE -out FILE.pem");
  EXPECT_EQ(
      with([&](TlsFiles& f) { f.cert.text.resize(f.cert.text.size() / 2); }),
      "TLS: the certificate 'server.pem' has a certificate that is damaged (number 1); was it copied whole?");
  EXPECT_EQ(with([&](TlsFiles& f) { f.client_ca.text = ""; }),
            "TLS: the clients' CA 'clients.pem' holds no certificate in PEM (-----BEGIN CERTIFICATE-----); "
            "from DER: "
            "openssl x509 -inform DER -in FILE -out FILE.pem");
  const TestIdentity late("late", &ca, -60, -30), early("early", &ca, 30, 60);
  EXPECT_NE(error_of(files_of(late)).find("TLS: the certificate 'server.pem' expired at 20"),
            std::string::npos);
  EXPECT_NE(error_of(files_of(late)).find("Z; renew it"), std::string::npos);
  EXPECT_NE(error_of(files_of(early)).find("is this machine's clock right?"), std::string::npos);
}

// Whatever was cut or damaged, it is an error or a set that is whole: the sanitizers see the rest.
TEST(TlsFilesTest, DamageIsAnErrorNotMore) {
  const TestIdentity ca("CA"), server("server", &ca);
  const auto good = files_of(server, &ca);
  for (std::size_t i = 0; i < good.cert.text.size(); i += 3)
    for (PemFile TlsFiles::* file : {&TlsFiles::cert, &TlsFiles::key, &TlsFiles::client_ca}) {
      auto files = good;
      std::string& text = (files.*file).text;
      if (i + 3 > text.size()) continue;  // The last line's end may be missing.
      text.resize(i);
      EXPECT_NE(error_of(files), "") << i;
      files = good;
      (files.*file).text[i] ^= 0x11;
      (void)error_of(files);
    }
}

}  // namespace
}  // namespace sluice::net
