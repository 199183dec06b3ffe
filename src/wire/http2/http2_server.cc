#include "wire/http2/http2_server.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "wire/http2/http2_memory.h"

namespace sluice::wire {

namespace {

constexpr std::int64_t kEarned =
    20;  // Idle frames that a finished request is worth, and that a stream reset costs.
constexpr std::uint8_t kDrainPing[8] = {'g', 'o', 'i', 'n', 'g', ' ', 'd', 'n'};

std::uint8_t* bytes_of(std::string_view text) {  // nghttp2 takes pointers to what it does not change.
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Copies nothing: the texts stay where they are.
std::size_t to_nghttp2(std::span<const Http2Field> fields, std::span<nghttp2_nv> to) {
  const std::size_t n = std::min(fields.size(), to.size());
  for (std::size_t i = 0; i < n; ++i)
    to[i] = {bytes_of(fields[i].name), bytes_of(fields[i].value), fields[i].name.size(),
             fields[i].value.size(), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
  return n;
}

Quota idle_quota(const Http2Server::Limits& limits) {
  return *Quota::make({.capacity = std::max<std::int64_t>(limits.idle_frames_burst, 1),
                       .tokens = std::max<std::int64_t>(limits.idle_frames_per_second, 1),
                       .period = std::chrono::seconds(1)});
}

}  // namespace

void Http2Stream::reset_stream() {
  id = 0;
  head_too_large = request_ended = responded = finished_ = deferred_ = false;
  body.clear();
  head_bytes_ = sent_ = 0;
  trailer_count_ = 0;
}

/// What nghttp2 calls. None may throw through its C code: they are noexcept.
struct Http2Server::Callbacks {
  static Http2Server& server(void* user) { return *static_cast<Http2Server*>(user); }
  static Http2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  /// What nghttp2 passes over and RFC 9113 calls an error of the connection.
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user) noexcept {
    if (frame->type == NGHTTP2_PRIORITY && frame->stream_id == 0) return NGHTTP2_ERR_CALLBACK_FAILURE;  // 6.3
    if (frame->type != NGHTTP2_HEADERS) return 0;
    Http2Server& self = server(user);
    const std::int32_t id = frame->stream_id;
    if (id > self.last_id_) {
      if (id > self.last_id_ + 2) self.left_out_ = {self.last_id_ + 1, id - 1};
      self.last_id_ = id;
      return 0;
    }
    // 5.1.1. Other streams below the last one were closed, and HEADERS may have met our RST_STREAM.
    return id >= self.left_out_.first && id <= self.left_out_.last ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) noexcept {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Server& self = server(user);
    Http2Stream& stream = self.owner_.begin();
    stream.id = frame->hd.stream_id;
    self.link(stream);
    self.latest_ = &stream;
    nghttp2_session_set_stream_user_data(session, stream.id, &stream);
    return 0;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                    void* user) noexcept {
    Http2Server& self = server(user);
    const std::int32_t id = frame->hd.stream_id;
    Http2Stream* const s =
        self.latest_ != nullptr && self.latest_->id == id ? self.latest_ : stream(session, id);
    if (s == nullptr) return 0;
    s->head_bytes_ += name_size + value_size + 32;
    if (s->head_bytes_ > self.limits_.head_bytes_max) {
      s->head_too_large = true;
      // Beyond this, decoding goes on without us: nghttp2 must keep its table, and resets the stream.
      return s->head_bytes_ > 2 * std::size_t{self.limits_.head_bytes_max}
                 ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                 : 0;
    }
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)  // Trailers of a request mean nothing to anybody here.
      self.owner_.field(*s, text_of(name, name_size), text_of(value, value_size));
    return 0;
  }

  static int data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t size, void* user) noexcept {
    Http2Stream* const s = stream(session, id);
    if (s != nullptr) server(user).owner_.data(*s, text_of(data, size));
    return 0;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user) noexcept {
    Http2Server& self = server(user);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA: {
        if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !end) return self.work_or_noise();
        Http2Stream* const s = stream(session, frame->hd.stream_id);
        if (s == nullptr) return 0;
        s->request_ended |= end;
        if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
          self.owner_.head(*s);
        if (end) self.owner_.ended(*s);
        return 0;
      }
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) return self.work_or_noise();
        if (self.draining_ && std::memcmp(frame->ping.opaque_data, kDrainPing, sizeof kDrainPing) == 0)
          self.say_goodbye();
        return 0;
      case NGHTTP2_SETTINGS:
        return (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ? 0 : self.work_or_noise();
      case NGHTTP2_RST_STREAM:  // Bounded by nghttp2.
      case NGHTTP2_GOAWAY:
        return 0;
      default:
        return self.work_or_noise();
    }
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) noexcept {
    Http2Server& self = server(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR) self.charge(kEarned);
      return 0;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    Http2Stream* const s = stream(session, frame->hd.stream_id);
    if (s == nullptr || s->request_ended) return 0;
    // All is said, and the peer need not say the rest (RFC 9113, 8.1).
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    return 0;
  }

  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t error,
                           void* user) noexcept {
    Http2Server& self = server(user);
    Http2Stream* const s = stream(session, id);
    if (s == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    if (error == NGHTTP2_NO_ERROR) self.idle_frames_.refund(kEarned, self.now_);
    self.unlink(*s);
    self.owner_.closed(*s);
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t, std::uint8_t* to, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) noexcept {
    auto& s = *static_cast<Http2Stream*>(source->ptr);
    const std::size_t n = std::min(room, s.body.size() - s.sent_);
    std::memcpy(to, s.body.data() + s.sent_, n);
    s.sent_ += n;
    if (s.sent_ == s.body.size()) {
      s.body.clear();
      s.sent_ = 0;
      if (s.finished_) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s.trailer_count_ > 0) {
          *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
          std::array<nghttp2_nv, Http2Stream::kTrailersMax> nv;
          const auto count = to_nghttp2(std::span(s.trailers_).first(s.trailer_count_), nv);
          nghttp2_submit_trailer(session, s.id, nv.data(), count);
        }
      } else if (n == 0) {
        s.deferred_ = true;
        return NGHTTP2_ERR_DEFERRED;
      }
    }
    return static_cast<ssize_t>(n);
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, frame_received);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, stream_closed);
    return c;
  }
};

Http2Server::Http2Server(const Limits& limits, Http2Owner& owner, Time now)
    : limits_(limits), owner_(owner), idle_frames_(idle_quota(limits), now), now_(now) {
  static nghttp2_session_callbacks* const callbacks = Callbacks::make();  // Shared by all, for ever.
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_closed_streams(option,
                                       1);  // Else 0.3 MB a connection, for a priority tree of no use.
  nghttp2_option_set_stream_reset_rate_limit(option, limits.resets_burst, limits.resets_per_second);
  nghttp2_option_set_max_continuations(option, 8);
  nghttp2_option_set_max_settings(option, 32);
  nghttp2_session_server_new3(&session_, callbacks, this, option, http2_memory());
  nghttp2_option_del(option);
  const std::array<nghttp2_settings_entry, 4> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.head_bytes_max},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
}

Http2Server::~Http2Server() {
  nghttp2_session_del(session_);  // Calls nobody.
  while (open_ != nullptr) {
    Http2Stream& stream = *open_;
    unlink(stream);
    owner_.closed(stream);
  }
}

void Http2Server::link(Http2Stream& stream) {
  stream.previous_ = nullptr;
  stream.next_ = open_;
  if (open_ != nullptr) open_->previous_ = &stream;
  open_ = &stream;
}

void Http2Server::unlink(Http2Stream& stream) {
  if (latest_ == &stream) latest_ = nullptr;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  (stream.previous_ != nullptr ? stream.previous_->next_ : open_) = stream.next_;
}

bool Http2Server::charge(std::int64_t idle_frames) {
  if (!idle_frames_.take(idle_frames, now_).allowed()) too_noisy_ = true;
  return !too_noisy_;
}

int Http2Server::work_or_noise() { return charge(1) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; }

bool Http2Server::feed(std::string_view bytes, Time now) {
  now_ = now;
  if (broken_) return false;
  if (bytes.empty()) return true;
  heard_ = true;
  const auto used =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used >= 0 && !too_noisy_) return true;
  broken_ = true;
  const bool noisy = too_noisy_ || used == NGHTTP2_ERR_FLOODED;
  nghttp2_session_terminate_session(session_, noisy ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  return false;
}

void Http2Server::respond(Http2Stream& stream, std::span<const Http2Field> fields, bool only_head) {
  std::array<nghttp2_nv, 8> nv;
  const auto count = to_nghttp2(fields, nv);
  stream.responded = true;
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::read_body;
  nghttp2_submit_response(session_, stream.id, nv.data(), count, only_head ? nullptr : &provider);
}

void Http2Server::wake(Http2Stream& stream) {
  if (!stream.deferred_) return;
  stream.deferred_ = false;
  nghttp2_session_resume_data(session_, stream.id);
}

void Http2Server::finish(Http2Stream& stream, std::span<const Http2Field> trailers) {
  stream.trailer_count_ = static_cast<std::uint8_t>(std::min(trailers.size(), Http2Stream::kTrailersMax));
  std::copy_n(trailers.begin(), stream.trailer_count_, stream.trailers_.begin());
  stream.finished_ = true;
  wake(stream);
}

Http2Stream* Http2Server::find(std::int32_t id) const { return Callbacks::stream(session_, id); }

void Http2Server::write(std::string& out) {
  for (;;) {
    const std::uint8_t* data = nullptr;
    const auto n = nghttp2_session_mem_send(session_, &data);
    if (n < 0) broken_ = true;
    if (n <= 0) return;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
}

void Http2Server::drain() {
  if (draining_) return;
  draining_ = true;
  if (!heard_) return say_goodbye();
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainPing);
}

void Http2Server::say_goodbye() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  said_goodbye_ = true;
}

bool Http2Server::finished() const {
  if (broken_ || (said_goodbye_ && open_ == nullptr)) return nghttp2_session_want_write(session_) == 0;
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

}  // namespace sluice::wire
