// grpc.reflection: what this server speaks, told from the descriptors that protoc put into the program. v1
// and v1alpha have the same messages under two names.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <vector>

#include "door/grpc/method.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace sluice::door::grpc {

namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

constexpr std::size_t kUnreadMax = 1024 * 1024;  // Answers that a peer has not taken.

std::string_view service_of(std::string_view path) { return path.substr(1, path.find('/', 1) - 1); }

/// A file and all that it imports, each once.
template <class Response>
void add_files(const FileDescriptor& file, std::set<const FileDescriptor*>& seen, Response& response) {
  if (!seen.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) add_files(*file.dependency(i), seen, response);
}

template <class Response>
void answer_file(const FileDescriptor* file, const std::string& asked, Response& response) {
  if (file == nullptr) {
    response.mutable_error_response()->set_error_code(static_cast<int>(wire::GrpcCode::not_found));
    response.mutable_error_response()->set_error_message("not found: " + asked);
    return;
  }
  std::set<const FileDescriptor*> seen;
  add_files(*file, seen, response);
}

template <class Request, class Response>
void reflect(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return session.fail(call, wire::GrpcCode::internal, "the message is no ServerReflectionRequest");
  if (call.body.size() > kUnreadMax)
    return session.fail(call, wire::GrpcCode::resource_exhausted, "read the answers before you ask for more");
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      answer_file(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(), response);
      break;
    case Request::kFileContainingSymbol:
      answer_file(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                  request.file_containing_symbol(), response);
      break;
    case Request::kListServices: {
      std::set<std::string_view> names;
      for (const Method& method : methods()) names.insert(service_of(method.path));
      for (const auto name : names)
        response.mutable_list_services_response()->add_service()->set_name(std::string(name));
      break;
    }
    case Request::kFileContainingExtension:
      answer_file<Response>(nullptr, request.file_containing_extension().containing_type(), response);
      break;
    case Request::kAllExtensionNumbersOfType:  // There are no extensions.
      response.mutable_all_extension_numbers_response()->set_base_type_name(
          request.all_extension_numbers_of_type());
      break;
    default:
      response.mutable_error_response()->set_error_code(static_cast<int>(wire::GrpcCode::invalid_argument));
      response.mutable_error_response()->set_error_message("nothing is asked for");
  }
  session.send(call, response);
}

}  // namespace

void reflect_v1(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  namespace v1 = ::grpc::reflection::v1;
  reflect<v1::ServerReflectionRequest, v1::ServerReflectionResponse>(session, call, bytes);
}
void reflect_v1alpha(GrpcSession& session, GrpcCall& call, std::string_view bytes) {
  namespace v1alpha = ::grpc::reflection::v1alpha;
  reflect<v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(session, call, bytes);
}

}  // namespace sluice::door::grpc
