// protobuf_writer.h: a protobuf message's fields, appended one after the other.
//
//     ProtobufWriter to(out);
//     to.text(1, "api");
//     to.message(2, [&](ProtobufWriter& inner) { inner.varint(1, 42); });
//
// A message's length stands before it: its bytes are moved up once when it is whole. For what is written
// seldom.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

class ProtobufWriter {
 public:
  explicit ProtobufWriter(std::string& out) : out_(out) {}

  void varint(std::uint32_t field, std::uint64_t value) {
    number(std::uint64_t{field} << 3);
    number(value);
  }
  void fixed64(std::uint32_t field, std::uint64_t value) {
    number(std::uint64_t{field} << 3 | 1);
    little_endian(value, 8);
  }
  void fixed32(std::uint32_t field, std::uint32_t value) {
    number(std::uint64_t{field} << 3 | 5);
    little_endian(value, 4);
  }
  void real(std::uint32_t field, double value) { fixed64(field, std::bit_cast<std::uint64_t>(value)); }
  /// A string, which must be UTF-8, or bytes.
  void text(std::uint32_t field, std::string_view value) {
    number(std::uint64_t{field} << 3 | 2);
    number(value.size());
    out_.append(value);
  }
  template <class Write>
  void message(std::uint32_t field, Write&& write) {
    number(std::uint64_t{field} << 3 | 2);
    const std::size_t begin = out_.size();
    write(*this);
    std::string length;
    ProtobufWriter(length).number(out_.size() - begin);
    out_.insert(begin, length);
  }

 private:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void little_endian(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i)));
  }

  std::string& out_;
};

}  // namespace sluice::wire
