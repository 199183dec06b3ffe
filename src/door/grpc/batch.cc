#include "door/grpc/batch.h"

#include "door/grpc/session.h"

namespace sluice::door::grpc {

void GrpcBatch::write(std::string& out) {
  const bool traced = traces.wanted(decisions);
  for (const Reply& reply : replies) {
    session->answer(*this, reply);
    if (traced) rls::trace(requests, asks, decisions, reply.part, "grpc", index(reply), traces);
    if (counts.on()) rls::count(requests, asks, decisions, reply.part, door.options().rls, counts);
  }
  if (counts.on()) counts.report();
  session->flush(out);
}

void GrpcBatch::clear() {
  clear_asks();
  session = nullptr;
  replies.clear();
  requests.clear();
}

}  // namespace sluice::door::grpc
