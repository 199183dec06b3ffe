// One call: its framing, its errors, health, reflection.
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "door/grpc/method.h"
#include "door/grpc/testing.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "wire/grpc/gzip.h"

namespace sluice::door::grpc {
namespace {

using policy::Unit;
namespace health = ::grpc::health::v1;

std::vector<policy::Descriptor> one_rule() { return {test_descriptor("k", "", test_rule(5, Unit::minute))}; }
std::string good() { return request_of({{{"k", "v"}}}).SerializeAsString(); }

TEST(GrpcCall, HeadAndTrailersOfAGoodOne) {
  TestDoor door(one_rule());
  const auto o = door.call(kShouldRateLimit, framed(good()));
  EXPECT_EQ(o.answer.head, (wire::FieldList{{":status", "200"}, {"content-type", "application/grpc"}}));
  EXPECT_EQ(o.answer.trailers, (wire::FieldList{{"grpc-status", "0"}}));
  EXPECT_EQ(TestDoor::show(o.response()), "OK: OK 4/5");
}

struct Wrong {
  const char* name;
  std::string body;
  wire::FieldList head = {};
  const char* status;
  const char* message = nullptr;
  std::string_view path = kShouldRateLimit;
};
class GrpcWrong : public testing::TestWithParam<Wrong> {};

TEST_P(GrpcWrong, IsSaidAndTheConnectionLives) {
  TestDoor door(one_rule(), {.message_bytes_max = 1000});
  const auto o = door.call(GetParam().path, GetParam().body, GetParam().head);
  EXPECT_EQ(o.status, GetParam().status);
  if (GetParam().message != nullptr) {
    EXPECT_EQ(o.message, GetParam().message);
  }
  EXPECT_EQ(o.body, "");
  EXPECT_TRUE(o.answer.closed);
  EXPECT_EQ(door.ask({{"k", "v"}}), "OK: OK 4/5") << "and nothing was charged";
}
INSTANTIATE_TEST_SUITE_P(
    Calls, GrpcWrong,
    testing::Values(
        Wrong{.name = "no_such_service",
              .body = framed(""),
              .status = "12",
              .message = "unknown method /a.B/C",
              .path = "/a.B/C"},
        Wrong{.name = "no_such_method",
              .body = framed(""),
              .status = "12",
              .path = "/envoy.service.ratelimit.v3.RateLimitService/Other"},
        Wrong{.name = "v2",
              .body = framed(""),
              .status = "12",
              .path = "/envoy.service.ratelimit.v2.RateLimitService/ShouldRateLimit"},
        Wrong{.name = "strange_path",
              .body = framed(""),
              .status = "12",
              .message = "unknown method /%C3%BC%25",
              .path = "/\xc3\xbc%"},
        Wrong{.name = "json",
              .body = "{}",
              .head = {{"content-type", "application/json"}},
              .status = "http 415"},
        Wrong{.name = "grpc_web",
              .body = "",
              .head = {{"content-type", "application/grpc-web+proto"}},
              .status = "http 415"},
        Wrong{.name = "get", .body = "", .head = {{":method", "GET"}}, .status = "http 405"},
        Wrong{.name = "no_message",
              .body = "",
              .status = "13",
              .message = "the call ends without a message, or within it"},
        Wrong{.name = "half_a_prefix", .body = std::string("\0\0\0", 3), .status = "13"},
        Wrong{.name = "half_a_message", .body = framed(good()).substr(0, 9), .status = "13"},
        Wrong{.name = "two_messages",
              .body = framed(good()) + framed(good()),
              .status = "13",
              .message = "the method takes one message, and nothing behind it"},
        Wrong{.name = "bad_flag", .body = "\x02" + framed(good()).substr(1), .status = "13"},
        Wrong{.name = "too_large",
              .body = framed(std::string(1001, 'x')),
              .status = "8",
              .message = "the message is larger than 1000 bytes"},
        Wrong{.name = "says_it_is_too_large", .body = "\1\xff\xff\xff\xff", .status = "8"},
        Wrong{.name = "no_protobuf",
              .body = framed("\xff\xff\xff"),
              .status = "13",
              .message = "the message is no envoy.service.ratelimit.v3.RateLimitRequest"},
        Wrong{.name = "no_utf8", .body = framed("\x0a\x02\xc3\x28"), .status = "13"},
        Wrong{.name = "unknown_encoding",
              .body = framed(good()),
              .head = {{"grpc-encoding", "br"}},
              .status = "12"},
        Wrong{.name = "compressed_without_saying_how",
              .body = framed(good(), true),
              .status = "13",
              .message = "a message is compressed, and no grpc-encoding says how"},
        Wrong{.name = "damaged_gzip",
              .body = framed(good(), true),
              .head = {{"grpc-encoding", "gzip"}},
              .status = "13",
              .message = "the message is no gzip"},
        Wrong{
            .name = "bad_timeout", .body = framed(good()), .head = {{"grpc-timeout", "soon"}}, .status = "3"},
        Wrong{.name = "no_time", .body = framed(good()), .head = {{"grpc-timeout", "0n"}}, .status = "4"},
        Wrong{.name = "much_metadata",
              .body = framed(good()),
              .head = {{"x", std::string(9000, 'x')}},
              .status = "8"}),
    [](const auto& test) { return test.param.name; });

TEST(GrpcCall, SaysWhichEncodingsItTakes) {
  TestDoor door(one_rule());
  EXPECT_EQ(door.call(kShouldRateLimit, framed(good()), {{"grpc-encoding", "br"}})
                .answer.field("grpc-accept-encoding"),
            "identity,gzip");
}

TEST(GrpcCall, GzipBothWays) {
  TestDoor door(one_rule(), {.gzip_from = 10});
  wire::Gzip gzip;
  std::string packed;
  gzip.pack(good(), packed);
  const auto o = door.call(kShouldRateLimit, framed(packed, true),
                           {{"grpc-encoding", "gzip"}, {"grpc-accept-encoding", "identity, gzip"}});
  ASSERT_EQ(o.status, "0");
  EXPECT_EQ(o.answer.field("grpc-encoding"), "gzip");
  std::string_view in = o.body;
  wire::GrpcMessage message;
  ASSERT_EQ(wire::read_grpc_message(in, 1000, message), wire::GrpcRead::message);
  EXPECT_TRUE(message.compressed);
  std::string plain;
  ASSERT_EQ(gzip.unpack(message.bytes, 1000, plain), wire::GunzipResult::ok);
  rls::RateLimitResponse response;
  ASSERT_TRUE(response.ParseFromString(plain));
  EXPECT_EQ(TestDoor::show(response), "OK: OK 4/5");
  // Who does not ask for it, and what is short, gets it plain.
  EXPECT_EQ(door.call(kShouldRateLimit, framed(packed, true), {{"grpc-encoding", "gzip"}})
                .answer.field("grpc-encoding"),
            "");
  TestDoor other(one_rule());
  EXPECT_EQ(other.call(request_of({{{"k", "v"}}}), {{"grpc-accept-encoding", "gzip"}})
                .answer.field("grpc-encoding"),
            "");
}

TEST(GrpcCall, AGzipBombIsGivenUp) {
  TestDoor door(one_rule());
  wire::Gzip gzip;
  std::string bomb;
  gzip.pack(std::string(20 << 20, '\0'), bomb);
  const auto o = door.call(kShouldRateLimit, framed(bomb, true), {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(o.status, "8");
  EXPECT_EQ(o.message, "the message is larger than 262144 bytes, unpacked");
}

TEST(GrpcCall, ALargeRequestAndItsAnswer) {
  TestDoor door(one_rule(), {.rls = {.charge = RlsOptions::Charge::each}});
  rls::RateLimitRequest request = request_of({});
  for (int i = 0; i < 250; ++i)
    *request.add_descriptors() =
        request_of({{{"k", std::string(800, 'v') + std::to_string(i)}}}).descriptors(0);
  EXPECT_EQ(door.ask(request).statuses_size(), 250);
  EXPECT_EQ(door.ask({{"k", "v"}}), "OK: OK 4/5");
}

std::string health_of(const Outcome& o) {
  std::string_view in = o.body;
  wire::GrpcMessage m;
  std::string all;
  while (wire::read_grpc_message(in, 100, m) == wire::GrpcRead::message) {
    health::HealthCheckResponse response;
    response.ParseFromArray(m.bytes.data(), static_cast<int>(m.bytes.size()));
    all += (all.empty() ? "" : " ") + health::HealthCheckResponse::ServingStatus_Name(response.status());
  }
  return all;
}
std::string health_request(std::string service) {
  health::HealthCheckRequest request;
  request.set_service(std::move(service));
  return framed(request.SerializeAsString());
}

TEST(GrpcHealth, Check) {
  bool ready = true;
  TestDoor door(one_rule(), {.ready = [&] { return ready; }});
  const std::string_view path = "/grpc.health.v1.Health/Check";
  for (const char* service : {"", "ratelimit", "envoy.service.ratelimit.v3.RateLimitService"})
    EXPECT_EQ(health_of(door.call(path, health_request(service))), "SERVING");
  const auto unknown = door.call(path, health_request("other"));
  EXPECT_EQ(unknown.status, "5");
  EXPECT_EQ(unknown.message, "unknown service other");
  ready = false;
  EXPECT_EQ(health_of(door.call(path, health_request(""))), "NOT_SERVING");
  EXPECT_EQ(door.call(path, framed("\xff")).status, "13");
}

TEST(GrpcHealth, WatchTellsOfEveryChange) {
  bool ready = true;
  TestDoor door(one_rule(), {.ready = [&] { return ready; }});
  const auto id = door.begin("/grpc.health.v1.Health/Watch", health_request(""));
  const auto unknown = door.begin("/grpc.health.v1.Health/Watch", health_request("other"));
  door.talk();
  EXPECT_EQ(health_of(door.outcome(id)), "SERVING");
  EXPECT_EQ(door.outcome(id).status, "open");
  EXPECT_EQ(health_of(door.outcome(unknown)), "SERVICE_UNKNOWN");
  EXPECT_EQ(door.outcome(unknown).status, "open");
  ready = false;
  door.client.ping();
  door.talk();
  EXPECT_EQ(health_of(door.outcome(id)), "SERVING NOT_SERVING");
  ready = true;
  door.client.ping();
  door.talk();
  EXPECT_EQ(health_of(door.outcome(id)), "SERVING NOT_SERVING SERVING");
  door.client.cancel(id);
  door.talk();
  ready = false;
  EXPECT_EQ(door.ask({{"k", "v"}}), "OK: OK 4/5");
}

template <class Request, class Response>
std::vector<Response> reflect(TestDoor& door, std::string_view path, const std::vector<Request>& requests) {
  std::string body;
  for (const auto& request : requests) body += framed(request.SerializeAsString());
  const auto o = door.call(path, body);
  EXPECT_EQ(o.status, "0") << o.message;
  std::vector<Response> responses;
  std::string_view in = o.body;
  for (wire::GrpcMessage m; wire::read_grpc_message(in, 1 << 20, m) == wire::GrpcRead::message;) {
    responses.emplace_back();
    EXPECT_TRUE(responses.back().ParseFromArray(m.bytes.data(), static_cast<int>(m.bytes.size())));
  }
  return responses;
}

template <class Request, class Response>
void reflects(std::string_view path) {
  TestDoor door(one_rule());
  std::vector<Request> requests(5);
  requests[0].set_list_services("");
  requests[1].set_file_containing_symbol("envoy.service.ratelimit.v3.RateLimitService");
  requests[2].set_file_by_filename("grpc/health/v1/health.proto");
  requests[3].set_file_containing_symbol("no.Such");
  const auto responses = reflect<Request, Response>(door, path, requests);
  ASSERT_EQ(responses.size(), 5U);
  std::set<std::string> services;
  for (const auto& service : responses[0].list_services_response().service()) services.insert(service.name());
  EXPECT_EQ(services, (std::set<std::string>{"envoy.service.ratelimit.v3.RateLimitService",
                                             "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                             "grpc.reflection.v1alpha.ServerReflection"}));
  std::set<std::string> files;
  for (const auto& bytes : responses[1].file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    files.insert(file.name());
  }
  EXPECT_EQ(files.count("envoy/service/ratelimit/v3/rls.proto"), 1U);
  EXPECT_EQ(files.count("google/protobuf/struct.proto"), 1U);
  EXPECT_EQ(responses[2].file_descriptor_response().file_descriptor_proto_size(), 1);
  EXPECT_EQ(responses[3].error_response().error_code(), 5);
  EXPECT_EQ(responses[4].error_response().error_code(), 3);
}

TEST(GrpcReflection, V1) {
  namespace v1 = ::grpc::reflection::v1;
  reflects<v1::ServerReflectionRequest, v1::ServerReflectionResponse>(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
}
TEST(GrpcReflection, V1Alpha) {
  namespace v1alpha = ::grpc::reflection::v1alpha;
  reflects<v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

TEST(GrpcDocs, NameEveryMethod) {
  std::ostringstream text;
  text << std::ifstream(GRPC_MD).rdbuf();
  for (const Method& method : methods()) {
    const auto service = method.path.substr(1, method.path.find('/', 1) - 1);
    const auto name = method.path.substr(method.path.rfind('/'));
    const bool alpha = service.find("v1alpha") != std::string_view::npos;  // "and `v1alpha`"
    EXPECT_NE(text.str().find(alpha ? "v1alpha" : service), std::string::npos) << method.path;
    EXPECT_NE(text.str().find(name), std::string::npos) << method.path;
  }
}

TEST(GrpcReflection, EndsWithoutAQuestionAndWithHalfOfOne) {
  TestDoor door(one_rule());
  const std::string_view path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  EXPECT_EQ(door.call(path, "").status, "0");
  EXPECT_EQ(door.call(path, std::string("\0\0", 2)).status, "13");
}

TEST(GrpcReflection, WhoNeverReadsIsCutShort) {
  TestDoor door(one_rule());
  wire::Http2TestClient deaf(0);  // Takes no byte of a body.
  ::grpc::reflection::v1::ServerReflectionRequest request;
  request.set_file_containing_symbol("envoy.service.ratelimit.v3.RateLimitService");
  std::string body;
  while (body.size() < 60'000) body += framed(request.SerializeAsString());
  deaf.request(TestDoor::head("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"), body, false);
  std::size_t said = 0;
  for (std::string bytes = deaf.bytes(); !bytes.empty(); bytes = deaf.bytes()) {
    const auto out = door.raw(bytes);
    said += out.size();
    deaf.hear(out);
  }
  EXPECT_LT(said, 10'000U);
}

}  // namespace
}  // namespace sluice::door::grpc
