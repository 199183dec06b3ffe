// testing.h: the other end of an HTTP/2 connection, for tests: nghttp2's client, and frames written by hand,
// which no decent client would send.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::wire {

/// A frame by hand: any type, any flags, any stream.
inline std::string http2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                               std::string_view payload) {
  std::string frame;
  const auto put = [&](std::uint32_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) frame += static_cast<char>(value >> shift);
  };
  put(static_cast<std::uint32_t>(payload.size()), 3);
  put(type, 1);
  put(flags, 1);
  put(stream, 4);
  return frame.append(payload);
}

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using FieldList = std::vector<std::pair<std::string, std::string>>;

class Http2TestClient {
 public:
  struct Answer {
    FieldList head, trailers;
    std::string body;
    bool closed = false;
    std::uint32_t error = 0;  ///< The stream's, when it was closed.

    std::string field(std::string_view name) const {
      for (const auto* list : {&head, &trailers})
        for (const auto& [key, value] : *list)
          if (key == name) return value;
      return {};
    }
  };

  explicit Http2TestClient(std::uint32_t window = 65535) {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(
        c, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
          Answer& answer = static_cast<Http2TestClient*>(user)->answers[frame->hd.stream_id];
          auto& list = frame->headers.cat == NGHTTP2_HCAT_RESPONSE ? answer.head : answer.trailers;
          list.emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                            std::string(reinterpret_cast<const char*>(value), value_size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, [](nghttp2_session*, std::uint8_t,
                                                                    std::int32_t id, const std::uint8_t* data,
                                                                    std::size_t size, void* user) {
      static_cast<Http2TestClient*>(user)->answers[id].body.append(reinterpret_cast<const char*>(data), size);
      return 0;
    });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        c, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
          Answer& answer = static_cast<Http2TestClient*>(user)->answers[id];
          answer.closed = true;
          answer.error = error;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        c, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto& self = *static_cast<Http2TestClient*>(user);
          if (frame->hd.type == NGHTTP2_GOAWAY) {
            self.goaways.emplace_back(frame->goaway.last_stream_id, frame->goaway.error_code);
          } else if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
            for (std::size_t i = 0; i < frame->settings.niv; ++i)
              self.settings[frame->settings.iv[i].settings_id] = frame->settings.iv[i].value;
          } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
            ++self.pongs;
          }
          return 0;
        });
    nghttp2_session_client_new(&session_, c, this);
    nghttp2_session_callbacks_del(c);
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
  }
  Http2TestClient(const Http2TestClient&) = delete;
  Http2TestClient& operator=(const Http2TestClient&) = delete;
  ~Http2TestClient() { nghttp2_session_del(session_); }

  /// A request whose body comes all at once, or, if not `end`, stays open behind it.
  std::int32_t request(const FieldList& fields, std::string body, bool end = true) {
    std::vector<nghttp2_nv> nv;
    for (const auto& [name, value] : fields)
      nv.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                    value.size(), 0});
    Upload* const upload = new Upload{std::move(body), 0, end};
    uploads_.emplace_back(upload);
    nghttp2_data_provider provider{};
    provider.source.ptr = upload;
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                                std::uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
      auto& up = *static_cast<Upload*>(source->ptr);
      const std::size_t n = std::min(room, up.bytes.size() - up.sent);
      if (n == 0 && !up.end) return NGHTTP2_ERR_DEFERRED;
      std::memcpy(to, up.bytes.data() + up.sent, n);
      up.sent += n;
      if (up.sent == up.bytes.size() && up.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(n);
    };
    const auto id = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), &provider, nullptr);
    by_id_[id] = upload;
    return id;
  }
  /// More of a body that was left open.
  void more(std::int32_t id, std::string_view bytes, bool end) {
    by_id_[id]->bytes.append(bytes);
    by_id_[id]->end = end;
    nghttp2_session_resume_data(session_, id);
  }
  void cancel(std::int32_t id) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL); }
  void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

  /// What is to be sent.
  std::string bytes() {
    std::string out;
    const std::uint8_t* data = nullptr;
    for (ssize_t n; (n = nghttp2_session_mem_send(session_, &data)) > 0;)
      out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    return out;
  }
  /// False: the server broke the protocol.
  bool hear(std::string_view bytes) {
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                    bytes.size()) == static_cast<ssize_t>(bytes.size());
  }

  std::map<std::int32_t, Answer> answers;
  std::vector<std::pair<std::int32_t, std::uint32_t>> goaways;  ///< Last stream, error.
  std::map<std::int32_t, std::uint32_t> settings;
  int pongs = 0;

 private:
  struct Upload {
    std::string bytes;
    std::size_t sent;
    bool end;
  };
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Upload>> uploads_;
  std::map<std::int32_t, Upload*> by_id_;
};

}  // namespace sluice::wire
