#include "cli/client.h"

#include <charconv>

namespace sluice::cli {

namespace {

constexpr std::size_t kLineMax = 64 * 1024;
constexpr std::size_t kTextMax = 1 << 20;
constexpr std::size_t kBodyMax = 64 << 20;
constexpr int kDepthMax = 4;

/// Appends what the server says next. False at the end.
Result<bool> receive(net::Client& client, std::string& in) {
  char block[16 * 1024];
  const auto n = client.receive(block, sizeof block);
  if (!n) return n.error();
  in.append(block, *n);
  return *n > 0;
}

/// TLS's answer to what is no TLS begins with an alert.
bool is_tls(std::string_view in) { return in.starts_with("\x15\x03"); }
constexpr const char* kSpeaksTls = "the door speaks TLS; give --tls, and maybe --tls-ca";

Error closed(const net::Client& client) {
  return {Code::unavailable, std::string("the server closed the connection") +
                                 (client.tls() ? "" : "; does the door speak TLS? Then give --tls")};
}

Error not_resp(std::string_view in) {
  if (is_tls(in)) return {Code::unavailable, kSpeaksTls};
  return {Code::unavailable,
          "the answer is no RESP; --server is to name the RESP door, 127.0.0.1:6380 by default"};
}

}  // namespace

std::string with_mend(std::string error) {
  if (error.starts_with("NOAUTH"))
    error +=
        " The server asks for a password or a token; give it by --password or --token, better from a file "
        "(--password-file, --token-file) or by SLUICE_PASSWORD or SLUICE_TOKEN";
  if (error.starts_with("WRONGPASS")) error += " Is the password or token right?";
  return error;
}

std::string resp_request(const std::vector<std::string>& arguments) {
  std::string out = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const auto& a : arguments) out += "$" + std::to_string(a.size()) + "\r\n" + a + "\r\n";
  return out;
}

Result<RespClient> RespClient::connect(const net::Address& address, const Way& way, Duration timeout) {
  auto connected = way.connect(address, timeout);
  if (!connected) return connected.error();
  RespClient client(std::move(*connected));
  if (!way.secret().empty()) {
    const auto reply = client.call({"AUTH", way.secret()});
    if (!reply) return reply.error();
  }
  return client;
}

Status RespClient::fill() {
  auto more = receive(client_, in_);
  if (!more) return more.error();
  if (!*more) return closed(client_);
  return Done{};
}

Result<std::string> RespClient::line() {
  std::size_t end = 0;
  while ((end = in_.find("\r\n")) == std::string::npos) {
    if (in_.size() > kLineMax || is_tls(in_)) return not_resp(in_);
    if (auto status = fill(); !status) return status.error();
  }
  std::string text = in_.substr(0, end);
  in_.erase(0, end + 2);
  return text;
}

Result<Reply> RespClient::reply(int depth) {
  auto head = line();
  if (!head) return head.error();
  if (head->empty()) return not_resp(in_);
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
    case ',':
      r.kind = Reply::Kind::text;
      return r;
    case '#':
      r.kind = Reply::Kind::integer;
      r.text = r.text == "t" ? "1" : "0";
      return r;
    case '_':
      return r;
    case '$': {
      if (!counted || n > static_cast<long long>(kTextMax)) return not_resp(in_);
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
    case '%':
      n *= 2;
      [[fallthrough]];
    case '*': {
      if (!counted || n > 10'000 || depth == 0) return not_resp(in_);
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
      return not_resp(in_);
  }
}

const Reply* Reply::find(std::string_view name) const {
  for (std::size_t i = 0; i + 1 < list.size(); i += 2)
    if (list[i].text == name) return &list[i + 1];
  return nullptr;
}

Status RespClient::speak_resp3() {
  const auto hello = call({"HELLO", "3"});
  // Who is not let in is told so, with the mend, by the command itself.
  if (!hello && !hello.error().message.starts_with("NOAUTH")) return hello.error();
  return Done{};
}

Result<Reply> RespClient::call(const std::vector<std::string>& arguments) {
  if (auto status = client_.send(resp_request(arguments)); !status) return status.error();
  auto answer = reply(kDepthMax);
  if (answer && answer->kind == Reply::Kind::error)
    return Error{Code::unavailable, with_mend(std::move(answer->text))};
  return answer;
}

namespace {

/// Why there is no page: the words of the problem document, if it is one.
Error no_page(std::string_view in, std::string_view body) {
  constexpr std::string_view kDetail = "\"detail\":\"";
  std::string text = "the server answered " + std::string(in.substr(9, in.find('\r') - 9));
  if (const auto at = body.find(kDetail); at != body.npos) {
    const auto from = at + kDetail.size();
    text += ": ";
    for (std::size_t i = from; i < body.size() && body[i] != '"'; ++i) {
      if (body[i] == '\\') ++i;
      if (i < body.size()) text += body[i];
    }
  }
  if (in.starts_with("HTTP/1.1 401")) text += "; give yours by SLUICE_TOKEN, --token-file or --token";
  return {Code::unavailable, text};
}

}  // namespace

Result<std::string> http_get(const net::Address& address, std::string_view path, Duration timeout,
                             const Way& way) {
  auto client = way.connect(address, timeout);
  if (!client) return client.error();
  const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: " + address.text() + "\r\n" +
                              way.authorization() + "Connection: close\r\n\r\n";
  if (auto status = client->send(request); !status) return status.error();
  std::string in;
  for (;;) {
    auto more = receive(*client, in);
    if (!more) return more.error();
    if (!*more) break;
    if (in.size() > kBodyMax) return Error{Code::resource_exhausted, "the answer is larger than 64 MiB"};
  }
  const auto body = in.find("\r\n\r\n");
  if (is_tls(in)) return Error{Code::unavailable, kSpeaksTls};
  if (in.empty()) return closed(*client);
  if (!in.starts_with("HTTP/1.1 ") || body == std::string::npos)
    return Error{Code::unavailable,
                 "the answer is no HTTP; --server is to name the HTTP door, 127.0.0.1:8080 by default"};
  const std::string_view view = in;
  if (!view.starts_with("HTTP/1.1 200")) return no_page(view, view.substr(body + 4));
  return in.substr(body + 4);
}

}  // namespace sluice::cli
