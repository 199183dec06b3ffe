#include "observe/otlp.h"

#include "core/decision_names.h"
#include "wire/json_utf8.h"
#include "wire/protobuf_reader.h"
#include "wire/protobuf_writer.h"

namespace sluice::observe {

namespace {

using wire::ProtobufWriter;

enum SpanKind : std::uint8_t { internal = 1, server = 2, client = 3 };
constexpr std::uint32_t kSampled = 1, kSaysRemote = 0x100, kIsRemote = 0x200;  // SpanFlags.
constexpr std::uint64_t kStatusError = 2;
constexpr std::string_view kDegraded = "decided without the shared store, which is away";

/// KeyValues of one message, in its field `field`.
struct Attributes {
  ProtobufWriter& to;
  std::uint32_t field;

  template <class Value>
  void add(std::string_view name, Value&& value) {
    to.message(field, [&](ProtobufWriter& pair) {
      pair.text(1, name);
      pair.message(2, value);
    });
  }
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    constexpr std::uint32_t kString = 1, kBytes = 7;
    add(name, [&](ProtobufWriter& v) { v.text(wire::is_utf8(value) ? kString : kBytes, value); });
  }
  void number(std::string_view name, std::int64_t value) {
    add(name, [&](ProtobufWriter& v) { v.varint(3, static_cast<std::uint64_t>(value)); });
  }
  void seconds(std::string_view name, Duration value) {
    add(name, [&](ProtobufWriter& v) { v.real(4, static_cast<double>(value.count()) / 1e9); });
  }
};

std::string name_of(const TracedRequest& r) {
  if (r.operation.empty()) return std::string(r.door);
  if (r.door == "grpc") return std::string(r.operation.substr(1));
  if (r.door == "http") return (r.operation == "/v1/auth" ? "GET " : "POST ") + std::string(r.operation);
  return std::string(r.operation);
}

void door_attributes(const TracedRequest& r, Attributes a) {
  a.text("sluice.door", r.door);
  if (r.operation.empty()) return;
  if (r.door == "grpc") {
    const auto slash = r.operation.rfind('/');
    a.text("rpc.system", "grpc");
    a.text("rpc.service", r.operation.substr(1, slash - 1));
    a.text("rpc.method", r.operation.substr(slash + 1));
  } else if (r.door == "http") {
    a.text("http.request.method", r.operation == "/v1/auth" ? "GET" : "POST");
    a.text("http.route", r.operation);
  }
}

void decision_attributes(const TracedRequest& r, Attributes a) {
  a.number("sluice.decisions", r.decisions);
  if (r.decisions == 0) return;
  a.text("sluice.limit", r.limit);
  a.text("sluice.domain", r.domain);
  a.text("sluice.rule", r.rule);
  a.text("sluice.version", r.version);
  a.text("sluice.quota", r.quota);
  a.text("sluice.key", r.key);
  a.text("sluice.outcome", outcome_name(r.decision.outcome));
  a.text("sluice.origin", origin_name(r.decision.origin));
  a.number("sluice.cost", r.cost);
  a.number("sluice.remaining", r.decision.remaining);
  if (r.decision.outcome == Outcome::refused) a.seconds("sluice.wait", r.decision.retry_after);
  if (r.decisions > 1) a.number("sluice.refused", r.refused);
}

}  // namespace

/// The spans of one request.
struct SpanWriter {
  OtlpEncoder& encoder;
  const TracedRequest& r;
  const std::int64_t since_1970;
  ProtobufWriter& to;  // A ScopeSpans.

  struct Span {
    std::string_view name;
    SpanKind kind;
    Time begin, end;
    std::string_view parent;  // Empty: none.
    bool remote = false;      // The parent is.
  };
  static std::string_view view(const SpanId& id) {
    return {reinterpret_cast<const char*>(id.data()), id.size()};
  }
  SpanId new_id() const {
    SpanId id;
    const std::uint64_t bits = encoder.next_id();
    for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(bits >> (8 * i));
    return id;
  }

  /// Gives its id.
  template <class More>
  SpanId span(const Span& s, More&& more) const {
    const SpanId id = new_id();
    to.message(2, [&](ProtobufWriter& p) {
      p.text(1, {reinterpret_cast<const char*>(r.trace.data()), r.trace.size()});
      p.text(2, view(id));
      if (!s.parent.empty()) p.text(4, s.parent);
      p.text(5, s.name);
      p.varint(6, s.kind);
      p.fixed64(7, static_cast<std::uint64_t>(s.begin.time_since_epoch().count() + since_1970));
      p.fixed64(8, static_cast<std::uint64_t>(s.end.time_since_epoch().count() + since_1970));
      more(p);
      p.fixed32(16, (r.sampled ? kSampled : 0) | kSaysRemote | (s.remote ? kIsRemote : 0));
    });
    return id;
  }
  static void degraded(ProtobufWriter& span) {
    span.message(15, [](ProtobufWriter& status) {
      status.text(2, kDegraded);
      status.varint(3, kStatusError);
    });
  }

  void write() const {
    const std::string name = name_of(r);
    const SpanId door = span({.name = name,
                              .kind = server,
                              .begin = r.began,
                              .end = r.ended,
                              .parent = r.parent.present ? view(r.parent.span) : std::string_view{},
                              .remote = r.parent.present},
                             [&](ProtobufWriter& p) {
                               door_attributes(r, {p, 9});
                               decision_attributes(r, {p, 9});
                             });
    if (r.matched != Time{})
      span({.name = "policy",
            .kind = internal,
            .begin = r.matched_since,
            .end = r.matched,
            .parent = view(door)},
           [&](ProtobufWriter& p) {
             Attributes a{p, 9};
             a.text("sluice.limit", r.limit);
             a.text("sluice.domain", r.domain);
             a.text("sluice.rule", r.rule);
           });
    const bool is_degraded = r.decision.origin == Origin::degraded;
    if (r.asked == Time{} && !is_degraded) return;
    const bool known = r.asked != Time{};
    const SpanId store = span({.name = "store",
                               .kind = internal,
                               .begin = known ? r.asked : r.began,
                               .end = known ? r.decided : r.ended,
                               .parent = view(door)},
                              [&](ProtobufWriter& p) {
                                Attributes{p, 9}.text("sluice.origin", origin_name(r.decision.origin));
                                if (is_degraded) degraded(p);
                              });
    for (const store::CallSeen& call : r.calls)
      span({.name = "EVALSHA",
            .kind = client,
            .begin = call.sent,
            .end = call.answered,
            .parent = view(store)},
           [&](ProtobufWriter& p) {
             Attributes a{p, 9};
             a.text("db.system.name", "redis");
             a.text("db.operation.name", "EVALSHA");
             a.number("sluice.call.asks", static_cast<std::int64_t>(call.asks));
             a.number("sluice.call.buckets", static_cast<std::int64_t>(call.buckets));
           });
  }
};

void OtlpEncoder::write(std::span<const TracedRequest> requests, std::int64_t since_1970, std::string& out) {
  ProtobufWriter(out).message(1, [&](ProtobufWriter& resource_spans) {
    resource_spans.message(1, [&](ProtobufWriter& resource) {
      Attributes a{resource, 1};
      a.text("service.name", resource_.service);
      a.text("service.version", resource_.version);
      a.text("service.instance.id", resource_.instance);
    });
    resource_spans.message(2, [&](ProtobufWriter& scope_spans) {
      scope_spans.message(1, [&](ProtobufWriter& scope) {
        scope.text(1, "sluice");
        scope.text(2, resource_.version);
      });
      for (const TracedRequest& r : requests) SpanWriter{*this, r, since_1970, scope_spans}.write();
    });
  });
}

std::uint64_t OtlpEncoder::next_id() { return splitmix64(state_) | 1; }

std::optional<OtlpAnswer> read_otlp_answer(std::string_view body) {
  OtlpAnswer answer;
  wire::ProtobufReader fields(body);
  while (fields.next()) {
    if (!fields.is(1, wire::ProtobufReader::kText)) continue;
    wire::ProtobufReader partial(fields.text());
    while (partial.next()) {
      if (partial.is(1, wire::ProtobufReader::kVarint)) answer.rejected_spans = partial.number();
      if (partial.is(2, wire::ProtobufReader::kText)) answer.message = partial.text();
    }
    if (!partial.ok()) return {};
  }
  if (!fields.ok()) return {};
  return answer;
}

}  // namespace sluice::observe
