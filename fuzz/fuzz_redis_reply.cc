// fuzz_redis_reply.cc: any bytes, given to the reader of replies whole and then in pieces, mean the same, and
// every reply is whole: its arrays hold as many elements as they say. The first byte chooses the pieces'
// length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "redis/reply_parser.h"
#include "redis/testing.h"

using namespace sluice::redis;

namespace {

struct Side {
  void feed(std::string_view bytes) {
    // A new buffer each time, of exactly its size: what looks beyond it or into an older one is caught.
    rest += bytes;
    const auto buffer = std::make_unique<char[]>(rest.size());
    std::copy(rest.begin(), rest.end(), buffer.get());
    std::string_view in(buffer.get(), rest.size());
    for (;;) {
      const auto event = parser.feed(in);
      if (event == ReplyParser::Event::need_more) break;
      if (event == ReplyParser::Event::error) {
        if (parser.error().empty()) std::abort();
        broken = true;
        break;
      }
      told += event == ReplyParser::Event::push ? ">" : "";
      std::size_t at = 0;
      told += show(parser.reply(), at) + "\n";
      if (at != parser.reply().size()) std::abort();
    }
    rest = in;
  }
  std::string all() const { return told + (broken ? std::string(parser.error()) : rest); }

  ReplyParser parser{{.depth_max = 6, .elements_max = 200, .bytes_max = 2000}};
  std::string rest, told;
  bool broken = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = 1 + (data[0] & 0x1F);
  Side whole, pieces;
  whole.feed(in);
  for (std::size_t at = 0; at < in.size() && !pieces.broken; at += piece) pieces.feed(in.substr(at, piece));
  if (whole.all() != pieces.all()) std::abort();
  return 0;
}
