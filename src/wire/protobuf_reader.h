// protobuf_reader.h: the fields of a protobuf message, one after the other, as views into its bytes. Nothing
// is copied and nothing allocated: for a message whose texts are read once, half of what a parser does is
// that.
//
//     for (ProtobufReader fields(bytes); fields.next();)
//       if (fields.is(1, ProtobufReader::kText)) name = fields.text();
//       else if (fields.is(2, ProtobufReader::kVarint)) count = fields.number();
//     if (!fields.ok()) ...;    // No such message. Fields seen before count for nothing.
//
// As libprotobuf has it: a field of an unexpected wire type is passed over as an unknown one, groups are
// skipped, the last value of a field counts.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::wire {

class ProtobufReader {
 public:
  static constexpr std::uint32_t kVarint = 0, kEight = 1, kText = 2, kGroup = 3, kGroupEnd = 4, kFour = 5;

  explicit ProtobufReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// Moves to the next field. False: there is none, or the bytes are wrong.
  bool next() {
    if (at_ == end_ || !ok_) return false;
    std::uint64_t tag = 0;
    if (!varint(tag, kTagBytes)) return ok_ = false;
    tag_ = static_cast<std::uint32_t>(tag);
    return ok_ = tag_ >> 3 != 0 && value(tag_, kDepth);
  }
  bool ok() const { return ok_; }

  bool is(std::uint32_t field, std::uint32_t wire_type) const { return tag_ == (field << 3 | wire_type); }
  std::uint64_t number() const { return number_; }  ///< Of a varint.
  std::string_view text() const { return text_; }   ///< Of kText: a text, bytes or a message.

 private:
  static constexpr int kTagBytes = 5, kVarintBytes = 10;
  static constexpr int kDepth = 100;  // Of groups.

  bool varint(std::uint64_t& value, int bytes_max) {
    if (at_ != end_ && static_cast<signed char>(*at_) >= 0) {  // Most are of one byte.
      value = static_cast<unsigned char>(*at_++);
      return true;
    }
    value = 0;
    for (int i = 0; i < bytes_max && at_ != end_; ++i) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= std::uint64_t{byte & 0x7Fu} << (7 * i);
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool skip(std::uint64_t bytes) {
    if (bytes > static_cast<std::uint64_t>(end_ - at_)) return false;
    at_ += bytes;
    return true;
  }
  bool value(std::uint32_t tag, int depth) {
    switch (tag & 7) {
      case kVarint:
        return varint(number_, kVarintBytes);
      case kEight:
        return skip(8);
      case kText: {
        std::uint64_t size = 0;
        if (!varint(size, kTagBytes)) return false;
        const char* const begin = at_;
        if (!skip(size)) return false;
        text_ = {begin, static_cast<std::size_t>(size)};
        return true;
      }
      case kGroup:
        return depth > 0 && skip_group(tag, depth - 1);
      case kFour:
        return skip(4);
      default:
        return false;
    }
  }
  bool skip_group(std::uint32_t begin, int depth) {
    for (;;) {
      std::uint64_t tag = 0;
      if (at_ == end_ || !varint(tag, kTagBytes)) return false;
      const auto t = static_cast<std::uint32_t>(tag);
      if ((t & 7) == kGroupEnd) return t == begin + 1;
      if (t >> 3 == 0 || !value(t, depth)) return false;
    }
  }

  const char* at_;
  const char* const end_;
  std::uint32_t tag_ = 0;
  std::uint64_t number_ = 0;
  std::string_view text_;
  bool ok_ = true;
};

}  // namespace sluice::wire
