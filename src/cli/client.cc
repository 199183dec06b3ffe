#include "cli/client.h"

#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "net/socket.h"

namespace sluice::cli {

namespace {

constexpr std::size_t kLineMax = 64 * 1024;
constexpr std::size_t kTextMax = 1 << 20;
constexpr std::size_t kBodyMax = 64 << 20;
constexpr int kDepthMax = 4;

Status send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return Error{Code::unavailable,
                   std::string("the server does not take the request: ") + std::strerror(errno)};
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Done{};
}

/// Appends what the server says next. False at the end.
Result<bool> receive(int fd, std::string& in) {
  char block[16 * 1024];
  for (;;) {
    const auto n = ::recv(fd, block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return Error{Code::unavailable, errno == EAGAIN ? std::string("the server does not answer in time")
                                                      : std::string("no answer: ") + std::strerror(errno)};
    in.append(block, static_cast<std::size_t>(n));
    return n > 0;
  }
}

Error not_resp() {
  return {Code::unavailable,
          "the answer is no RESP; --server is to name the RESP door, 127.0.0.1:6380 by default"};
}

}  // namespace

std::string with_mend(std::string error) {
  if (error.starts_with("NOAUTH")) error += " The server has a password; give it by --password";
  if (error.starts_with("WRONGPASS")) error += " Is --password right?";
  return error;
}

std::string resp_request(const std::vector<std::string>& arguments) {
  std::string out = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const auto& a : arguments) out += "$" + std::to_string(a.size()) + "\r\n" + a + "\r\n";
  return out;
}

Result<RespClient> RespClient::connect(const net::Address& address, std::string_view password,
                                       Duration timeout) {
  auto fd = net::connect_to(address, timeout);
  if (!fd) return fd.error();
  RespClient client(std::move(*fd));
  if (!password.empty()) {
    const auto reply = client.call({"AUTH", std::string(password)});
    if (!reply) return reply.error();
  }
  return client;
}

Status RespClient::fill() {
  auto more = receive(fd_.get(), in_);
  if (!more) return more.error();
  if (!*more) return Error{Code::unavailable, "the server closed the connection"};
  return Done{};
}

Result<std::string> RespClient::line() {
  std::size_t end = 0;
  while ((end = in_.find("\r\n")) == std::string::npos) {
    if (in_.size() > kLineMax) return not_resp();
    if (auto status = fill(); !status) return status.error();
  }
  std::string text = in_.substr(0, end);
  in_.erase(0, end + 2);
  return text;
}

Result<Reply> RespClient::reply(int depth) {
  auto head = line();
  if (!head) return head.error();
  if (head->empty()) return not_resp();
  Reply r;
  r.text = head->substr(1);
  long long n = 0;
  const auto counted = std::from_chars(r.text.data(), r.text.data() + r.text.size(), n).ec == std::errc{};
  switch ((*head)[0]) {
    case '+':
      r.kind = Reply::Kind::text;
      return r;
    case '-':
      r.kind = Reply::Kind::error;
      return r;
    case ':':
      r.kind = Reply::Kind::integer;
      return r;
    case '$': {
      if (!counted || n > static_cast<long long>(kTextMax)) return not_resp();
      r.text.clear();
      if (n < 0) return r;
      const auto size = static_cast<std::size_t>(n);
      while (in_.size() < size + 2)
        if (auto status = fill(); !status) return status.error();
      r.kind = Reply::Kind::text;
      r.text = in_.substr(0, size);
      in_.erase(0, size + 2);
      return r;
    }
    case '*': {
      if (!counted || n > 10'000 || depth == 0) return not_resp();
      r.text.clear();
      if (n < 0) return r;
      r.kind = Reply::Kind::list;
      for (long long i = 0; i < n; ++i) {
        auto item = reply(depth - 1);
        if (!item) return item.error();
        r.list.push_back(std::move(*item));
      }
      return r;
    }
    default:
      return not_resp();
  }
}

Result<Reply> RespClient::call(const std::vector<std::string>& arguments) {
  if (auto status = send_all(fd_.get(), resp_request(arguments)); !status) return status.error();
  auto answer = reply(kDepthMax);
  if (answer && answer->kind == Reply::Kind::error)
    return Error{Code::unavailable, with_mend(std::move(answer->text))};
  return answer;
}

Result<std::string> http_get(const net::Address& address, std::string_view path, Duration timeout) {
  auto fd = net::connect_to(address, timeout);
  if (!fd) return fd.error();
  const std::string request =
      "GET " + std::string(path) + " HTTP/1.1\r\nHost: " + address.text() + "\r\nConnection: close\r\n\r\n";
  if (auto status = send_all(fd->get(), request); !status) return status.error();
  std::string in;
  for (;;) {
    auto more = receive(fd->get(), in);
    if (!more) return more.error();
    if (!*more) break;
    if (in.size() > kBodyMax) return Error{Code::resource_exhausted, "the answer is larger than 64 MiB"};
  }
  const auto body = in.find("\r\n\r\n");
  if (!in.starts_with("HTTP/1.1 ") || body == std::string::npos)
    return Error{Code::unavailable,
                 "the answer is no HTTP; --server is to name the HTTP door, 127.0.0.1:8080 by default"};
  if (!in.starts_with("HTTP/1.1 200"))
    return Error{Code::unavailable, "the server answered " + in.substr(9, in.find('\r') - 9)};
  return in.substr(body + 4);
}

}  // namespace sluice::cli
