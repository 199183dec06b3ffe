// otlp.h: traced requests as OTLP's ExportTraceServiceRequest, in protobuf; and what a collector answers.
// Field numbers: opentelemetry-proto 1.x, stable since 1.0.
//
// A request is a span of kind SERVER, named after what was asked, with up to three steps below it:
//
//     POST /v1/take                        SERVER: the bytes were read .. the reply is written
//       policy                             its limits or rules were found
//       store                              the store was asked .. the last decision of its batch was there
//         EVALSHA                          CLIENT: each call to the shared store that carried some of it
//
// Of a request that is traced only because it was decided without the store no more is known than when it
// came and when it was answered: it has no steps but the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "observe/tracer.h"

namespace sluice::observe {

/// Who tells.
struct OtlpResource {
  std::string service;   ///< service.name
  std::string version;   ///< service.version
  std::string instance;  ///< service.instance.id
};

class OtlpEncoder {
 public:
  OtlpEncoder(OtlpResource resource, std::uint64_t seed) : resource_(std::move(resource)), state_(seed) {}
  /// Appends the message. `since_1970`: what is added to a Time's nanoseconds.
  void write(std::span<const TracedRequest> requests, std::int64_t since_1970, std::string& out);

 private:
  friend struct SpanWriter;
  std::uint64_t next_id();

  const OtlpResource resource_;
  std::uint64_t state_;
};

/// Of an ExportTraceServiceResponse.
struct OtlpAnswer {
  std::uint64_t rejected_spans = 0;
  std::string_view message;
};
/// Nothing: it is none.
std::optional<OtlpAnswer> read_otlp_answer(std::string_view body);

}  // namespace sluice::observe
