#include "door/rls/asked.h"

#include "wire/json_utf8.h"
#include "wire/protobuf_reader.h"

namespace sluice::door::rls {

namespace {

using wire::ProtobufReader;
constexpr std::uint32_t kText = ProtobufReader::kText;
constexpr std::uint32_t kVarint = ProtobufReader::kVarint;

/// A field of proto3's type `string`.
bool read_string(const ProtobufReader& fields, std::string_view& text) {
  text = fields.text();
  return wire::is_utf8(text);
}

// The numbers are those of the messages under door/grpc/proto.

bool read_entry(std::string_view bytes, policy::Entry& entry) {
  ProtobufReader fields(bytes);
  while (fields.next()) {
    if (fields.is(1, kText) && !read_string(fields, entry.key)) return false;
    if (fields.is(2, kText) && !read_string(fields, entry.value)) return false;
  }
  return fields.ok();
}

bool read_limit(std::string_view bytes, Asked::Descriptor& d) {
  d.has_limit = true;
  ProtobufReader fields(bytes);
  while (fields.next()) {
    if (fields.is(1, kVarint)) d.limit_requests_per_unit = static_cast<std::uint32_t>(fields.number());
    if (fields.is(2, kVarint)) d.limit_unit = static_cast<std::int32_t>(fields.number());
  }
  return fields.ok();
}

/// A UInt64Value.
bool read_number(std::string_view bytes, std::optional<std::uint64_t>& number) {
  if (!number) number = 0;
  ProtobufReader fields(bytes);
  while (fields.next())
    if (fields.is(1, kVarint)) number = fields.number();
  return fields.ok();
}

bool read_descriptor(std::string_view bytes, Asked& asked) {
  Asked::Descriptor d{.first = static_cast<std::uint32_t>(asked.entries.size()), .hits_addend = {}};
  ProtobufReader fields(bytes);
  while (fields.next()) {
    if (fields.is(1, kText) && !read_entry(fields.text(), asked.entries.emplace_back())) return false;
    if (fields.is(2, kText) && !read_limit(fields.text(), d)) return false;
    if (fields.is(3, kText) && !read_number(fields.text(), d.hits_addend)) return false;
    if (fields.is(4, kVarint)) d.is_negative_hits = fields.number() != 0;
  }
  d.count = static_cast<std::uint32_t>(asked.entries.size()) - d.first;
  asked.descriptors.push_back(d);
  return fields.ok();
}

}  // namespace

void Asked::clear() {
  constexpr std::size_t kKept = 1024;  // Larger ones are given back.
  domain = {};
  hits_addend = 0;
  descriptors.clear();
  if (descriptors.capacity() > kKept) descriptors = {};
  entries.clear();
  if (entries.capacity() > kKept) entries = {};
}

bool read_request(std::string_view bytes, Asked& asked) {
  asked.clear();
  ProtobufReader fields(bytes);
  while (fields.next()) {
    if (fields.is(1, kText) && !read_string(fields, asked.domain)) return false;
    if (fields.is(2, kText) && !read_descriptor(fields.text(), asked)) return false;
    if (fields.is(3, kVarint)) asked.hits_addend = static_cast<std::uint32_t>(fields.number());
  }
  return fields.ok();
}

}  // namespace sluice::door::rls
