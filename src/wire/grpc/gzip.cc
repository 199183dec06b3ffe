#include "wire/grpc/gzip.h"

#include <zlib.h>

#include <algorithm>

namespace sluice::wire {

namespace {
constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for gzip.
}

struct Gzip::State {
  z_stream in{};
  z_stream out{};
  bool unpacks = false;
  bool packs = false;
};

Gzip::Gzip() : state_(std::make_unique<State>()) {}
Gzip::~Gzip() {
  if (state_->unpacks) inflateEnd(&state_->in);
  if (state_->packs) deflateEnd(&state_->out);
}

GunzipResult Gzip::unpack(std::string_view in, std::size_t bytes_max, std::string& out) {
  z_stream& z = state_->in;
  if (!state_->unpacks && inflateInit2(&z, kGzipWindow) != Z_OK) return GunzipResult::damaged;
  if (state_->unpacks) inflateReset(&z);
  state_->unpacks = true;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // zlib does not write there.
  z.avail_in = static_cast<uInt>(in.size());
  const std::size_t before = out.size();
  const auto fail = [&](GunzipResult why) { return out.resize(before), why; };
  std::size_t used = 0;
  for (std::size_t room = std::max<std::size_t>(4 * in.size(), 256);; room *= 2) {
    room = std::min(room, bytes_max - used + 1);  // One more than allowed, to see that it is too much.
    out.resize(before + used + room);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + before + used);
    z.avail_out = static_cast<uInt>(room);
    const int result = inflate(&z, Z_NO_FLUSH);
    used += room - z.avail_out;
    if (used > bytes_max) return fail(GunzipResult::too_large);
    if (result == Z_STREAM_END) break;
    if (result != Z_OK || z.avail_out > 0) return fail(GunzipResult::damaged);  // Or it ends too early.
  }
  if (z.avail_in > 0) return fail(GunzipResult::damaged);
  out.resize(before + used);
  return GunzipResult::ok;
}

void Gzip::pack(std::string_view in, std::string& out) {
  z_stream& z = state_->out;
  if (!state_->packs)
    deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
  else
    deflateReset(&z);
  state_->packs = true;
  const std::size_t before = out.size();
  const std::size_t room = deflateBound(&z, static_cast<uLong>(in.size()));
  out.resize(before + room);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  z.avail_out = static_cast<uInt>(room);
  deflate(&z, Z_FINISH);  // One call is enough, with so much room.
  out.resize(before + room - z.avail_out);
}

}  // namespace sluice::wire
