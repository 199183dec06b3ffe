// One connection: reads calls, gathers their asks, sends the responses.
#include "door/grpc/session.h"

#include <algorithm>
#include <array>

#include "door/grpc/method.h"
#include "door/grpc/workspace.h"
#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "wire/grpc/grpc_message.h"

namespace sluice::door::grpc {

namespace {

using wire::GrpcCode;
using wire::Http2Field;

constexpr std::size_t kPiece = 8 * 1024;  // Of input at a time: some hundred calls, a batch.
constexpr Http2Field kStatus200{":status", "200"};
constexpr Http2Field kContentType{"content-type", "application/grpc"};

GrpcCall& call_of(wire::Http2Stream& stream) { return static_cast<GrpcCall&>(stream); }

}  // namespace

GrpcSession::~GrpcSession() { http2_.reset(); }  // Gives back the calls by closed().

// ---- the connection

bool GrpcSession::gather(std::string_view& rest, GrpcBatch& batch, std::string& out) {
  if (!http2_) {
    if (rest.empty()) return false;
    http2_.emplace(door_.options().http2, static_cast<wire::Http2Owner&>(*this), now_);
  }
  batch.session = this;
  batch_ = &batch;
  const auto piece = rest.substr(0, kPiece);
  const bool alive = http2_->feed(piece, now_);
  rest.remove_prefix(alive ? piece.size() : rest.size());
  batch_ = nullptr;
  batch.requests.bind_keys(batch.asks);
  spend(ended_);
  if (ended_ != 0) door_.count_requests(std::exchange(ended_, 0));
  if (batch.replies.empty()) flush(out);
  return !rest.empty();
}

void GrpcSession::flush(std::string& out) {
  if (!watchers_.empty()) tell_watchers(door_.ready());
  http2_->write(out);
  if (http2_->finished()) last_word_said_ = true;
}

void GrpcSession::drain(std::string& out) {
  if (state_ != State::reading) return;
  if (!http2_) {
    state_ = State::closing;
    return;
  }
  tell_watchers(false);
  for (GrpcCall* const call : watchers_) fail(*call, GrpcCode::unavailable, "this server is going down");
  watchers_.clear();
  http2_->drain();
  flush(out);
  if (last_word_said_) state_ = State::closing;
}

void GrpcSession::expire(net::Expiry, std::string& out) {
  if (state_ != State::reading) return;  // Of a session that waits, the store is late and not the peer.
  state_ = State::closing;
  if (!http2_) return;
  http2_->say_goodbye();
  http2_->write(out);
}

// ---- time

void GrpcSession::expect(GrpcCall& call) {
  if (call.unfinished) return;
  call.unfinished = true;
  ++unfinished_;
  call.begun = now_;
  begun_.push_back({call.id, now_});
}

void GrpcSession::settle(GrpcCall& call) {
  if (!call.unfinished) return;
  call.unfinished = false;
  --unfinished_;
}

bool GrpcSession::waited_for(const Begun& begun) const {
  const auto* const call = static_cast<const GrpcCall*>(http2_->find(begun.id));
  return call != nullptr && call->unfinished && call->begun == begun.at;
}

std::optional<Time> GrpcSession::unfinished_since() {
  if (unfinished_ == 0) {
    begun_.clear();
    return {};
  }
  while (!waited_for(begun_.front())) begun_.pop_front();
  if (begun_.size() > 2 * unfinished_ + 64)
    std::erase_if(begun_, [&](const Begun& begun) { return !waited_for(begun); });
  return begun_.front().at;
}

// ---- calls come in

wire::Http2Stream& GrpcSession::begin() {
  shown_ = shown_twice_ = false;  // The fields of one head follow each other, whatever other streams do.
  return *door_.workspace().lend().release();
}

void GrpcSession::field(wire::Http2Stream& stream, std::string_view name, std::string_view value) {
  if (gate_.on() && name == "authorization") {
    shown_twice_ = shown_;
    shown_ = true;
    return gate_.come(shown_twice_ ? "twice" : value);
  }
  if (door_.options().tracer != nullptr && name == "traceparent")
    return call_of(stream).traceparent.come(value);
  call_of(stream).head.field(name, value);
}

/// False: the call has failed.
bool GrpcSession::let_in(GrpcCall& call, access::Gate& gate) {
  const auto denied = gate.refuses(call.method->need);
  if (!denied) return true;
  fail(call, denied->known ? GrpcCode::permission_denied : GrpcCode::unauthenticated, denied->message);
  return false;
}

bool GrpcSession::admit(GrpcCall& call) {
  if (!gate_.on()) return true;
  if (!shown_) gate_.come({});
  if (!let_in(call, gate_)) return false;
  call.scope = gate_.scope();
  if (call.method->client_streams) call.gate = std::make_unique<access::Gate>(gate_);
  return true;
}

bool GrpcSession::refuse_domain(GrpcCall& call, std::string_view domain) {
  if (call.scope == nullptr || call.scope->has_domain(domain)) return false;
  gate_.count_out_of_scope();
  fail(call, GrpcCode::permission_denied,
       "domain: the token is not for this domain; its domains in the server's file of tokens say for which");
  return true;
}

void GrpcSession::head(wire::Http2Stream& stream) {
  GrpcCall& call = call_of(stream);
  if (call.head_too_large)
    return fail(call, GrpcCode::resource_exhausted, "the call's metadata is larger than this server takes");
  if (const auto problem = call.head.check()) {
    if (problem->http_status != 200) return refuse_in_http(call, problem->http_status);
    return fail(call, problem->code, problem->message);
  }
  call.method = find_method(call.head.path());
  if (call.method == nullptr)
    return fail(call, GrpcCode::unimplemented, "unknown method " + std::string(call.head.path()));
  if (!admit(call)) return;
  if (!call.request_ended && !call.method->client_streams) expect(call);
  if (const auto timeout = call.head.timeout())
    call.deadline = *timeout < Time::max() - now_ ? now_ + *timeout : Time::max();
}

void GrpcSession::data(wire::Http2Stream& stream, std::string_view bytes) {
  GrpcCall& call = call_of(stream);
  if (call.method == nullptr) return;  // Answered already: what still comes is of no use.
  call.received.append(bytes);
  buffered_ += bytes.size();
  if (call.method->client_streams) {
    const auto before = call.messages;
    if (!read_messages(call)) return;
    if (call.messages != before) settle(call);
    if (!call.received.empty()) expect(call);
  } else {
    std::string_view in = call.received;
    wire::GrpcMessage message;
    const auto read = wire::read_grpc_message(in, door_.options().message_bytes_max, message);
    if (read == wire::GrpcRead::too_large)
      return fail(
          call, GrpcCode::resource_exhausted,
          "the message is larger than " + std::to_string(door_.options().message_bytes_max) + " bytes");
    if (read == wire::GrpcRead::bad_flag)
      return fail(call, GrpcCode::internal, "a message must begin with the byte 0 or 1");
  }
  if (call.method != nullptr && buffered_ > door_.options().buffered_bytes_max)
    fail(call, GrpcCode::resource_exhausted, "this connection has too many unfinished messages");
}

void GrpcSession::ended(wire::Http2Stream& stream) {
  GrpcCall& call = call_of(stream);
  ++ended_;
  settle(call);
  if (call.method == nullptr) return;
  if (call.deadline <= now_)
    return fail(call, GrpcCode::deadline_exceeded, "the deadline passed before the call was read");
  if (!read_messages(call)) return;
  if (call.method->client_streams) {
    if (!call.received.empty()) return fail(call, GrpcCode::internal, "the call ends within a message");
    if (!call.responded) http2_->respond(call, std::array{kStatus200, kContentType}, false);
    return finish(call);
  }
  if (call.messages != 1)
    fail(call, GrpcCode::internal,
         call.messages == 0 ? "the call ends without a message, or within it"
                            : "the method takes one message");
}

/// Has the method answer whole messages. False: the call has failed.
bool GrpcSession::read_messages(GrpcCall& call) {
  std::string_view in = call.received;
  for (;;) {
    wire::GrpcMessage message;
    const auto read = wire::read_grpc_message(in, door_.options().message_bytes_max, message);
    if (read == wire::GrpcRead::need_more) break;
    if (read != wire::GrpcRead::message) {
      fail(call, read == wire::GrpcRead::too_large ? GrpcCode::resource_exhausted : GrpcCode::internal,
           "a message is too large, or does not begin with the byte 0 or 1");
      return false;
    }
    if (!call.method->client_streams && !in.empty()) {
      fail(call, GrpcCode::internal, "the method takes one message, and nothing behind it");
      return false;
    }
    ++call.messages;
    if (call.gate != nullptr) {
      call.gate->look_again();
      if (!let_in(call, *call.gate)) return false;
    }
    if (message.compressed && !unpack(call, message.bytes)) return false;
    call.method->message(*this, call, message.bytes);
    if (call.method == nullptr) return false;
  }
  const std::size_t read = call.received.size() - in.size();
  buffered_ -= read;
  call.received.erase(0, read);
  return true;
}

bool GrpcSession::unpack(GrpcCall& call, std::string_view& message) {
  if (call.head.encoding() != wire::GrpcHead::Encoding::gzip) {
    fail(call, GrpcCode::internal, "a message is compressed, and no grpc-encoding says how");
    return false;
  }
  auto& workspace = door_.workspace();
  workspace.unpacked.clear();
  switch (workspace.gzip.unpack(message, door_.options().message_bytes_max, workspace.unpacked)) {
    case wire::GunzipResult::ok:
      message = workspace.unpacked;
      return true;
    case wire::GunzipResult::too_large:
      fail(call, GrpcCode::resource_exhausted,
           "the message is larger than " + std::to_string(door_.options().message_bytes_max) +
               " bytes, unpacked");
      return false;
    case wire::GunzipResult::damaged:
      break;
  }
  fail(call, GrpcCode::internal, "the message is no gzip");
  return false;
}

void GrpcSession::closed(wire::Http2Stream& stream) {
  GrpcCall& call = call_of(stream);
  settle(call);
  buffered_ -= call.received.size();
  std::erase(watchers_, &call);
  door_.workspace().give_back(std::unique_ptr<GrpcCall>(&call));
}

// ---- responses go out

void GrpcSession::refuse_in_http(GrpcCall& call, int status) {
  const std::array fields{
      Http2Field{":status", status == 405 ? "405" : "415"},
      status == 405 ? Http2Field{"allow", "POST"} : Http2Field{"accept", "application/grpc"}};
  http2_->respond(call, fields, true);
}

void GrpcSession::fail(GrpcCall& call, GrpcCode code, std::string_view message) {
  call.method = nullptr;
  settle(call);
  buffered_ -= call.received.size();
  call.received.clear();
  call.message_text.clear();
  wire::append_grpc_message(message, call.message_text);
  const Http2Field status{"grpc-status", wire::grpc_code_text(code)};
  const Http2Field text{"grpc-message", call.message_text};
  if (call.responded) return http2_->finish(call, std::array{status, text});
  std::array fields{kStatus200, kContentType, status, text,
                    Http2Field{"grpc-accept-encoding", "identity,gzip"}};
  const bool encoding = call.head.encoding() == wire::GrpcHead::Encoding::unknown;
  http2_->respond(call, std::span(fields).first(encoding ? 5 : 4), true);
}

void GrpcSession::send(GrpcCall& call, const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  const bool begins = !call.responded;
  const bool large = size >= door_.options().gzip_from;
  if (begins) call.packs = call.head.accepts_gzip() && (large || call.method->client_streams);
  const std::size_t at = call.body.size();
  call.body.resize(at + wire::kGrpcPrefix + size);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(call.body.data()) + at +
                                          wire::kGrpcPrefix);
  const bool packed = call.packs && large;
  if (packed) {
    const std::string plain = call.body.substr(at + wire::kGrpcPrefix);
    call.body.resize(at + wire::kGrpcPrefix);
    door_.workspace().gzip.pack(plain, call.body);
  }
  wire::write_grpc_prefix(packed, call.body.size() - at - wire::kGrpcPrefix,
                          std::span(call.body).subspan(at));
  if (!begins) return http2_->wake(call);
  const std::array fields{kStatus200, kContentType, Http2Field{"grpc-encoding", "gzip"}};
  http2_->respond(call, std::span(fields).first(call.packs ? 3 : 2), false);
}

void GrpcSession::finish(GrpcCall& call) {
  call.method = nullptr;
  http2_->finish(call, std::array{Http2Field{"grpc-status", "0"}});
}

void GrpcSession::watch(GrpcCall& call) {
  call.watched = door_.ready();
  watchers_.push_back(&call);
}

void GrpcSession::tell_watchers(bool serving) {
  for (GrpcCall* const call : watchers_) {
    if (call->watched == serving) continue;
    call->watched = serving;
    send_health(*this, *call, serving);
  }
}

void GrpcSession::answer(GrpcBatch& batch, const Reply& reply) {
  auto* const call = static_cast<GrpcCall*>(http2_->find(reply.stream));
  if (call == nullptr) return;  // Cancelled meanwhile.
  if (call->deadline < now_)
    return fail(*call, GrpcCode::deadline_exceeded, "the store answered after the call's deadline");
  auto& response = *door_.workspace().response;
  response.Clear();
  rls::answer(batch.requests, batch.decisions, reply.part, door_.options().rls, response);
  send(*call, response);
  finish(*call);
  door_.workspace().shrink(call->body.size());
}

}  // namespace sluice::door::grpc
