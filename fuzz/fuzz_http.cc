// fuzz_http.cc: any bytes, given to the HTTP door whole and then in pieces, get the same responses and leave
// it in the same state. The first byte chooses the pieces' length. Small limits, so that all are reached, and
// holds whose ids are the same on both sides, where a server's are nobody's to guess.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "door/http/testing.h"

using namespace sluice;

namespace {

struct Side {
  Side()
      : door({.limits = {.line_bytes_max = 256,
                         .head_bytes_max = 512,
                         .fields_max = 8,
                         .body_bytes_max = 512,
                         .chunk_bytes_max = 128},
              .requests_max = 4,
              .output_bytes_max = 4096,
              .holds = std::make_shared<door::Holds>(3, HoldIds::Key{1, 2, 3, 4})},
             {door::test_limit("api", {"10/s", "100/h burst 20"}),
              door::test_limit("dark", {"1/h"}, policy::Mode::shadow)},
             nullptr, nullptr, 4096) {}

  void feed(std::string_view bytes) {
    out += door.raw(bytes);
    for (std::string more; !(more = door.raw("")).empty();) out += more;
  }
  door::http::TestDoor door;
  std::string out;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = 1 + (data[0] & 0x3F);
  Side whole;
  whole.feed(in);
  Side pieces;
  for (std::size_t at = 0; at < in.size(); at += piece) pieces.feed(in.substr(at, piece));
  if (whole.out != pieces.out || whole.door.session->state() != pieces.door.session->state()) std::abort();
  return 0;
}
