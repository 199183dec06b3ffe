#include "cli/load_wire.h"

#include <charconv>

#include "cli/client.h"
#include "cli/json.h"

namespace sluice::cli {

namespace {

constexpr auto kNone = std::string_view::npos;

class Resp final : public LoadWire {
 public:
  Resp(std::string head, std::string tail, char allowed)
      : head_(std::move(head)), tail_(std::move(tail)), allowed_(allowed) {}

  void request(std::string_view key, std::string& out) const override {
    ((out += head_) += std::to_string(key.size())) += "\r\n";
    ((out += key) += "\r\n") += tail_;
  }
  Said reply(std::string_view& in) const override {
    const auto length = resp_length(in);
    if (length == 0) return Said::unfinished;
    const auto said = length == kNone ? Said::error : verdict(in.substr(0, length));
    in.remove_prefix(length == kNone ? in.size() : length);
    return said;
  }

 private:
  Said verdict(std::string_view reply) const {  // *N\r\n:D\r\n…
    const auto first = reply.find("\r\n:");
    if (reply.front() != '*' || first == kNone || first + 3 >= reply.size()) return Said::error;
    return reply[first + 3] == allowed_ ? Said::allowed : Said::refused;
  }

  const std::string head_;  // Up to the key's length.
  const std::string tail_;
  const char allowed_;
};

class Http final : public LoadWire {
 public:
  Http(const std::string& limit, const std::string& host, const std::string& fields)
      : head_("POST /v1/take HTTP/1.1\r\nHost: " + host + "\r\n" + fields +
              "Content-Type: application/json\r\nContent-Length: "),
        body_("{\"limit\":" + json_string(limit) + ",\"key\":") {}

  void request(std::string_view key, std::string& out) const override {
    const auto text = json_string(key);
    ((out += head_) += std::to_string(body_.size() + text.size() + 1)) += "\r\n\r\n";
    ((out += body_) += text) += '}';
  }
  Said reply(std::string_view& in) const override {
    const auto head = in.find("\r\n\r\n");
    if (head == kNone) return in.size() > 64 * 1024 ? bad(in) : Said::unfinished;
    const auto fields = in.substr(0, head + 2);
    const auto length = content_length(fields);
    if (!fields.starts_with("HTTP/1.1 ") || length == kNone) return bad(in);
    if (in.size() - head - 4 < length) return Said::unfinished;
    const auto status = fields.substr(9, 3);
    in.remove_prefix(head + 4 + length);
    return status == "200" ? Said::allowed : status == "429" ? Said::refused : Said::error;
  }

 private:
  static Said bad(std::string_view& in) {
    in = {};
    return Said::error;
  }
  static std::size_t content_length(std::string_view fields) {
    constexpr std::string_view name = "\r\ncontent-length:";
    for (std::size_t at = 0; (at = fields.find("\r\n", at)) != kNone; at += 2) {
      std::size_t i = 0;
      while (i < name.size() && at + i < fields.size() && (fields[at + i] | 0x20) == (name[i] | 0x20)) ++i;
      if (i < name.size()) continue;
      auto text = fields.substr(at + i);
      while (text.starts_with(' ')) text.remove_prefix(1);
      std::size_t n = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), n).ec == std::errc{}) return n;
    }
    return kNone;
  }

  const std::string head_;
  const std::string body_;
};

}  // namespace

std::size_t resp_length(std::string_view in, int depth) {
  const auto end = in.find("\r\n");
  if (end == kNone) return in.size() > 64 * 1024 ? kNone : 0;
  if (end == 0 || depth == 0) return kNone;
  std::size_t length = end + 2;
  long long n = 0;
  std::from_chars(in.data() + 1, in.data() + end, n);
  switch (in[0]) {
    case '+':
    case '-':
    case ':':
    case '_':
    case ',':
    case '#':
    case '(':
      return length;
    case '$':
    case '=':
    case '!':
      if (n < 0) return length;
      length += static_cast<std::size_t>(n) + 2;
      return in.size() < length ? 0 : length;
    case '%':
      n *= 2;
      [[fallthrough]];
    case '*':
    case '~':
    case '>':
      for (; n > 0; --n) {
        const auto item = resp_length(in.substr(length), depth - 1);
        if (item == 0 || item == kNone) return item;
        length += item;
      }
      return length;
    default:
      return kNone;
  }
}

std::unique_ptr<LoadWire> resp_take(const std::string& limit) {
  return std::make_unique<Resp>(
      "*3\r\n$11\r\nSLUICE.TAKE\r\n$" + std::to_string(limit.size()) + "\r\n" + limit + "\r\n$", "", '1');
}

std::unique_ptr<LoadWire> resp_throttle(const Quota& quota) {
  std::string tail;
  for (const auto n : {quota.capacity() - 1, quota.tokens(), quota.period() / std::chrono::seconds(1)}) {
    const auto digits = std::to_string(n);
    tail += "$" + std::to_string(digits.size()) + "\r\n" + digits + "\r\n";
  }
  return std::make_unique<Resp>("*5\r\n$11\r\nCL.THROTTLE\r\n$", tail, '0');
}

std::unique_ptr<LoadWire> http_take(const std::string& limit, const std::string& host,
                                    const std::string& fields) {
  return std::make_unique<Http>(limit, host, fields);
}

}  // namespace sluice::cli
