// A request read here against libprotobuf, which reads the same bytes its own way.
#include "door/rls/asked.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "door/rls/requests.h"

namespace sluice::door::rls {
namespace {

std::string shown(const Asked& asked) {
  std::string s = std::string(asked.domain) + " " + std::to_string(asked.hits_addend);
  for (const auto& d : asked.descriptors) {
    s += "\n-";
    for (const auto& [key, value] : asked.entries_of(d))
      s += std::string(" ").append(key).append("=").append(value);
    if (d.has_limit)
      s += " limit " + std::to_string(d.limit_requests_per_unit) + "/" + std::to_string(d.limit_unit);
    if (d.hits_addend) s += " hits " + std::to_string(*d.hits_addend);
    if (d.is_negative_hits) s += " negative";
  }
  return s;
}

std::string shown(const Request& request) {
  std::string s = request.domain() + " " + std::to_string(request.hits_addend());
  for (const auto& d : request.descriptors()) {
    s += "\n-";
    for (const auto& e : d.entries()) s += " " + e.key() + "=" + e.value();
    if (d.has_limit())
      s += " limit " + std::to_string(d.limit().requests_per_unit()) + "/" +
           std::to_string(static_cast<int>(d.limit().unit()));
    if (d.has_hits_addend()) s += " hits " + std::to_string(d.hits_addend().value());
    if (d.is_negative_hits()) s += " negative";
  }
  return s;
}

std::string ours(std::string_view bytes) {
  Asked asked;
  return read_request(bytes, asked) ? shown(asked) : "no request";
}
std::string theirs(const std::string& bytes) {
  google::protobuf::SetLogHandler(nullptr);  // It would tell of each text that is not UTF-8.
  Request request;
  return request.ParseFromString(bytes) ? shown(request) : "no request";
}

TEST(Asked, EdgesAsLibprotobufReadsThem) {
  using namespace std::string_literals;
  const std::string cases[] = {
      ""s,
      "\x0a\x03"
      "abc"s,
      "\x0a\x03"
      "ab"s,  // Cut.
      "\x0a\x01"
      "a"
      "\x0a\x01"
      "b"s,  // The last counts.
      "\x0a\x02\xc3\xa9"s,
      "\x0a\x01\xc3"s,
      "\x0a\x03\xed\xa0\x80"s,
      "\x0a\x01\0"s,  // UTF-8, or none.
      "\x18\x05"s,
      "\x18\xff\xff\xff\xff\x1f"s,
      "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
      "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // Eleven bytes.
      "\x1a\x01x"s,
      "\x08\x05"s,
      "\x0d"
      "1234"s,
      "\x09"
      "12345678"s,  // Known fields of other wire types.
      "\x7a\x01x"s,
      "\x78\x05"s,
      "\x7d"
      "1234"s,
      "\x79"
      "12345678"s,
      "\x7d"
      "123"s,  // Unknown ones.
      "\x7b\x08\x01\x7c"s,
      "\x7b\x7b\x7c\x7c"s,
      "\x7b\x7c\x7c"s,
      "\x7b\x74"s,
      "\x7b"s,
      "\x7c"s,  // Groups.
      "\x00\x01"s,
      "\x02\x00"s,
      "\x7e"s,
      "\x7f"s,
      "\x8a\x00\x01"
      "a"s,
      "\x8a\x80\x80\x80\x00\x01"
      "a"s,
      "\x8a\x80\x80\x80\x80\x00\x01"
      "a"s,  // Long tags,
      "\x0a\x81\x00"
      "a"s,
      "\x0a\x81\x80\x80\x80\x00"
      "a"s,
      "\x0a\x81\x80\x80\x80\x80\x00"
      "a"s,  // and sizes.
      "\x12\x00"s,
      "\x12\x02\x0a\x00"s,
      "\x12\x02\x1a\x00"s,
      "\x12\x02\x12\x00"s,
      "\x12\x08\x12\x02\x08\x05\x12\x02\x10\x03"s,  // Of two limits each field.
      "\x12\x08\x1a\x02\x08\x05\x1a\x02\x10\x03"s,
      "\x12\x0d\x12\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // Unit -1.
      "\x12\x02\x20\x02"s,
      "\x12\x04\x20\x01\x20\x00"s,
  };
  for (const auto& bytes : cases) EXPECT_EQ(ours(bytes), theirs(bytes)) << testing::PrintToString(bytes);
}

TEST(Asked, AgreesWithLibprotobufOnDamagedRequests) {
  std::mt19937 random(4);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  for (int round = 0; round < 20'000; ++round) {
    Request request;
    request.set_domain(std::string(static_cast<std::size_t>(below(20)), 'd'));
    if (below(2) == 0) request.set_hits_addend(static_cast<std::uint32_t>(random()));
    for (int i = below(4); i > 0; --i) {
      auto& d = *request.add_descriptors();
      for (int k = below(4); k > 0; --k) {
        auto& e = *d.add_entries();
        e.set_key(std::string(static_cast<std::size_t>(below(200)), 'k'));
        e.set_value(below(2) == 0 ? "v" : "\xC3\xBC");
      }
      if (below(3) == 0) d.mutable_limit()->set_requests_per_unit(static_cast<std::uint32_t>(below(300)));
      if (below(3) == 0) d.mutable_limit()->set_unit(static_cast<envoy::type::v3::RateLimitUnit>(below(9)));
      if (below(3) == 0) d.mutable_hits_addend()->set_value(random());
      d.set_is_negative_hits(below(4) == 0);
    }
    std::string bytes = request.SerializeAsString();
    ASSERT_EQ(ours(bytes), theirs(bytes)) << testing::PrintToString(bytes);
    for (int damage = below(4); damage > 0 && !bytes.empty(); --damage) {
      const auto at = static_cast<std::size_t>(below(static_cast<int>(bytes.size())));
      switch (below(3)) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1);
          break;
        default:
          bytes.insert(at, 1, static_cast<char>(random()));
      }
    }
    ASSERT_EQ(ours(bytes), theirs(bytes)) << testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace sluice::door::rls
