// http2_memory.h: memory for nghttp2, which takes and gives back some ten blocks with each request: more of
// them at one time than malloc keeps at hand. Blocks of up to a kilobyte stay on lists, a list a size and
// thread.
#pragma once

#include <nghttp2/nghttp2.h>

namespace sluice::wire {

/// For nghttp2_session_server_new3(). Any thread may give a block back. Null under sanitizers, which watch
/// malloc: then nghttp2 takes that.
nghttp2_mem* http2_memory();

}  // namespace sluice::wire
