// http2_server.h: one HTTP/2 connection, the server's side: bytes in, events out; responses in, bytes out. A
// thin coat over nghttp2, which speaks RFC 9113; here are the bounds that a server among strangers needs.
//
//     Http2Server http2({}, owner);
//     if (!http2.feed(bytes, now)) ...;     // Calls owner.head(), .data(), .ended() as requests come.
//     http2.respond(stream, fields, true);  // From within those calls, or later.
//     http2.write(out);                     // Appends all that may be sent.
//     if (http2.finished()) ...;            // Nothing more will be said or heard: close.
//
// The owner makes the streams, one a request, derived from Http2Stream, and gets them back in closed(). No
// I/O, no clock, no exception from within the callbacks' C code. Not thread-safe.
//
// What a peer can do at most:
//
//     open streams               streams_max; who opens more is refused (REFUSED_STREAM: it may try again)
//                                or, when it has confirmed that bound, disconnected
//     fields of one request      head_bytes_max, counted as RFC 9113 6.5.2 does: more of it is not given on,
//                                and Http2Stream::head_too_large is set; from twice that on, the stream is
//                                reset
//     CONTINUATION frames        8 a request, then the connection ends (nghttp2)
//     cancelled requests         resets_per_second, bursts of resets_burst, then the connection ends: "rapid
//                                reset", CVE-2023-44487 (nghttp2)
//     frames that are no work    PING, SETTINGS, WINDOW_UPDATE, empty DATA, and whatever made us reset a
//                                stream, which costs 20 of them: idle_frames_burst, again
//                                idle_frames_per_second a second; every finished request earns 20. Then
//                                GOAWAY with ENHANCE_YOUR_CALM
//     PRIORITY, unknown frames   cost less than their own bytes, bring no answer, and are not counted
//     SETTINGS in one frame      32 (nghttp2)
//     unread answers to PING     1000 (nghttp2); and write() after every feed() of a few kilobytes keeps it
//                                far below
//
// Bodies are not kept here; what the owner keeps of them it must bound itself, since the windows are opened
// again as soon as data has been given to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/bucket.h"
#include "sluice/time.h"

struct nghttp2_session;

namespace sluice::wire {

struct Http2Field {
  std::string_view name;  ///< Lower case.
  std::string_view value;
};

/// One request and its response. A new one for each request, or one that was given back by
/// Http2Owner::closed().
class Http2Stream {
 public:
  virtual ~Http2Stream() = default;

  std::int32_t id = 0;
  bool head_too_large = false;
  bool request_ended = false;  ///< The peer has said all.
  bool responded = false;      ///< respond() was called.
  std::string body;            ///< Of the response, from `sent` on not yet written. Append, then wake().

 protected:
  /// Ready for another request.
  void reset_stream();

 private:
  friend class Http2Server;
  static constexpr std::size_t kTrailersMax = 3;
  std::size_t head_bytes_ = 0;
  std::size_t sent_ = 0;
  bool finished_ = false;  // No more body: when it is sent, the trailers follow.
  bool deferred_ = false;  // nghttp2 waits for wake().
  std::uint8_t trailer_count_ = 0;
  std::array<Http2Field, kTrailersMax> trailers_;
  Http2Stream* next_ = nullptr;  // Of the open ones of a connection.
  Http2Stream* previous_ = nullptr;
};

/// Whom the events go to. All come from within feed(), closed() also from write() and the destructor.
class Http2Owner {
 public:
  virtual Http2Stream& begin() = 0;
  virtual void field(Http2Stream& stream, std::string_view name, std::string_view value) = 0;
  virtual void head(Http2Stream& stream) = 0;  ///< All fields are there.
  virtual void data(Http2Stream& stream, std::string_view bytes) = 0;
  virtual void ended(Http2Stream& stream) = 0;  ///< The request is whole.
  virtual void closed(
      Http2Stream& stream) = 0;  ///< Response sent, or cancelled. The stream is the owner's again.

 protected:
  ~Http2Owner() = default;
};

class Http2Server {
 public:
  struct Limits {
    std::uint32_t streams_max = 256;
    std::uint32_t head_bytes_max = 8 * 1024;
    std::uint32_t stream_window = 128 * 1024;      ///< Bytes of one body that may be under way.
    std::uint32_t connection_window = 512 * 1024;  ///< Of all.
    std::uint32_t resets_burst = 1000;
    std::uint32_t resets_per_second = 100;
    std::uint32_t idle_frames_burst = 2000;
    std::uint32_t idle_frames_per_second = 50;
  };

  /// `owner` outlives this. `now`: when the connection began.
  Http2Server(const Limits& limits, Http2Owner& owner, Time now);
  ~Http2Server();
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  /// Takes all of `bytes`, however they are cut. False: the peer broke the protocol beyond repair, or a bound
  /// above; what write() gives then ends the connection. Feed it a few kilobytes at a time, with a write()
  /// after each.
  bool feed(std::string_view bytes, Time now);

  /// Begins the response. With `only_head` that was all of it; otherwise the body is what is and will be in
  /// stream.body, until finish(). The texts must stay until write() has returned.
  void respond(Http2Stream& stream, std::span<const Http2Field> fields, bool only_head);
  /// After stream.body grew, or finish().
  void wake(Http2Stream& stream);
  /// The body ends with what is there; trailers, at most 3, follow. Their texts must stay until closed().
  /// Calls wake().
  void finish(Http2Stream& stream, std::span<const Http2Field> trailers);
  /// Null if it is gone.
  Http2Stream* find(std::int32_t id) const;

  /// Appends whatever may be sent now; the rest waits for the peer's windows.
  void write(std::string& out);

  /// The server goes down. Says so at once, takes requests until the peer has heard it (it answers a PING),
  /// then answers those and is finished(). So no request is lost on its way.
  void drain();
  /// Says GOAWAY and is finished() at the next write().
  void say_goodbye();
  bool finished() const;

 private:
  struct Callbacks;
  friend struct Callbacks;
  void link(Http2Stream& stream);
  void unlink(Http2Stream& stream);
  bool charge(std::int64_t idle_frames);
  int work_or_noise();

  const Limits limits_;
  Http2Owner& owner_;
  Bucket idle_frames_;
  Time now_;
  nghttp2_session* session_ = nullptr;
  Http2Stream* open_ = nullptr;    // All that are open, linked.
  Http2Stream* latest_ = nullptr;  // Whose fields are coming in.
  struct Ids {
    std::int32_t first = 0, last = -1;
  };
  std::int32_t last_id_ = -1;  // Of the peer's streams.
  Ids left_out_;               // The last ones that the peer skipped: now closed, and never used.
  bool heard_ = false;         // Anything at all, from the peer.
  bool broken_ = false;
  bool draining_ = false;
  bool said_goodbye_ = false;
  bool too_noisy_ = false;
};

}  // namespace sluice::wire
