// testing.h: a gRPC client's side of a session, for the tests beside this file: a real nghttp2 client, no
// socket.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "door/grpc/grpc_door.h"
#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "net/session.h"
#include "policy/policy_set.h"
#include "store/local/local_store.h"
#include "wire/grpc/grpc_message.h"
#include "wire/http2/testing.h"

namespace sluice::door::grpc {

namespace rls = envoy::service::ratelimit::v3;
using Entries = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kShouldRateLimit =
    "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/// A rule of so many requests a unit, as a policy's file would say it.
inline policy::Rule test_rule(std::uint32_t requests, policy::Unit unit, std::string name = {}) {
  policy::Rule rule;
  rule.name = std::move(name);
  rule.requests_per_unit = requests;
  rule.unit = unit;
  if (requests == 0) {
    rule.kind = policy::Rule::Kind::closed;
  } else {
    const auto quota =
        Quota::make({.capacity = requests, .tokens = requests, .period = policy::unit_period(unit)});
    rule.limit.emplace("", std::vector{*quota});
  }
  return rule;
}
inline policy::Descriptor test_descriptor(std::string key, std::string value, policy::Rule rule) {
  policy::Descriptor descriptor;
  descriptor.key = std::move(key);
  descriptor.value = std::move(value);
  descriptor.rule = std::move(rule);
  return descriptor;
}
inline std::shared_ptr<const policy::PolicySet> test_policies(std::vector<policy::Descriptor> descriptors) {
  std::vector<policy::Policy> policies(1);
  policies[0].domain = "d";
  policies[0].descriptors = std::move(descriptors);
  return std::make_shared<const policy::PolicySet>(std::move(policies));
}

inline std::string framed(std::string_view message, bool compressed = false) {
  std::string out(wire::kGrpcPrefix, '\0');
  wire::write_grpc_prefix(compressed, message.size(), out);
  return out.append(message);
}

inline rls::RateLimitRequest request_of(std::initializer_list<Entries> descriptors, std::uint32_t hits = 0,
                                        std::string domain = "d") {
  rls::RateLimitRequest request;
  request.set_domain(std::move(domain));
  request.set_hits_addend(hits);
  for (const auto& entries : descriptors) {
    auto& descriptor = *request.add_descriptors();
    for (const auto& [key, value] : entries) {
      auto& entry = *descriptor.add_entries();
      entry.set_key(key);
      entry.set_value(value);
    }
  }
  return request;
}

/// How a call came out.
struct Outcome {
  std::string status;   ///< grpc-status; "http 415", where there is none; "open"; "reset".
  std::string message;  ///< grpc-message, as it came.
  std::string body;
  wire::Http2TestClient::Answer answer;

  rls::RateLimitResponse response() const {
    rls::RateLimitResponse r;
    std::string_view in = body;
    wire::GrpcMessage m;
    if (wire::read_grpc_message(in, 1 << 24, m) == wire::GrpcRead::message)
      r.ParseFromArray(m.bytes.data(), static_cast<int>(m.bytes.size()));
    return r;
  }
};

struct TestDoor {
  explicit TestDoor(std::vector<policy::Descriptor> descriptors, GrpcOptions options = {},
                    store::Store* other = nullptr, observe::Decisions* decisions = nullptr)
      : local({.max_keys = 1 << 16, .seed = 1}),
        policies(test_policies(std::move(descriptors))),
        door(other == nullptr ? local : *other, policies, std::move(options), decisions),
        session(door.session(host, "192.0.2.7:51000")) {}

  struct TestHost final : net::Host {
    void resume() override { ++resumed; }
    bool shedding() const override { return sheds; }
    int resumed = 0;
    bool sheds = false;
  };

  static wire::FieldList head(std::string_view path, const wire::FieldList& more = {}) {
    wire::FieldList fields = {{":method", "POST"},          {":scheme", "http"},
                              {":path", std::string(path)}, {":authority", "sluice"},
                              {"te", "trailers"},           {"content-type", "application/grpc"}};
    for (const auto& [name, value] : more) {
      bool there = false;
      for (auto& field : fields)
        if (field.first == name) {
          field.second = value;
          there = true;
        }
      if (!there) fields.emplace_back(name, value);
    }
    return fields;
  }

  /// Bytes in, bytes out; what is not consumed stays in front of the next.
  std::string raw(std::string_view bytes) {
    unread.append(bytes);
    std::string out;
    do unread.erase(0, session->feed(unread, now, out));
    while (session->more());
    return out;
  }
  /// Client and door talk until neither has anything to say.
  void talk() {
    for (;;) {
      const std::string said = raw(client.bytes());
      if (said.empty()) return;
      client.hear(said);
    }
  }
  std::int32_t begin(std::string_view path, std::string body, const wire::FieldList& more = {},
                     bool end = true) {
    return client.request(head(path, more), std::move(body), end);
  }
  Outcome outcome(std::int32_t id) {
    const auto& answer = client.answers[id];
    Outcome o{.status = answer.field("grpc-status"),
              .message = answer.field("grpc-message"),
              .body = answer.body,
              .answer = answer};
    if (o.status.empty())
      o.status = answer.error != 0 ? "reset" : !answer.closed ? "open" : "http " + answer.field(":status");
    return o;
  }
  Outcome call(std::string_view path, std::string body, const wire::FieldList& more = {}) {
    const auto id = begin(path, std::move(body), more);
    talk();
    return outcome(id);
  }
  Outcome call(const rls::RateLimitRequest& request, const wire::FieldList& more = {}) {
    return call(kShouldRateLimit, framed(request.SerializeAsString()), more);
  }
  rls::RateLimitResponse ask(const rls::RateLimitRequest& request) { return call(request).response(); }
  /// "OK 4", "OVER 0": the only descriptor's status, and what is left.
  std::string ask(const Entries& entries, std::uint32_t hits = 0) {
    return show(ask(request_of({entries}, hits)));
  }
  /// "OVER: OK 4, OVER 0"
  static std::string show(const rls::RateLimitResponse& response) {
    const auto code = [](auto c) {
      return c == rls::RateLimitResponse::OK           ? "OK"
             : c == rls::RateLimitResponse::OVER_LIMIT ? "OVER"
                                                       : "UNKNOWN";
    };
    std::string text = code(response.overall_code());
    for (int i = 0; i < response.statuses_size(); ++i) {
      const auto& s = response.statuses(i);
      text.append(i == 0 ? ": " : ", ")
          .append(code(s.code()))
          .append(" ")
          .append(std::to_string(s.limit_remaining()));
      if (s.has_current_limit())
        text.append("/").append(std::to_string(s.current_limit().requests_per_unit()));
    }
    return text;
  }

  Time now{std::chrono::hours(1000)};
  store::LocalStore local;
  policy::CurrentPolicies policies;
  TestHost host;
  GrpcDoor door;
  std::unique_ptr<net::Session> session;
  wire::Http2TestClient client;
  std::string unread;
};

}  // namespace sluice::door::grpc
