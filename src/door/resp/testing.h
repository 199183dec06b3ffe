// testing.h: a client's side of a RESP session, for the tests beside this file.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "door/resp/resp_session.h"
#include "door/testing.h"

namespace sluice::door {

/// A reply as a person would write it: "OK", "(error) ERR ..", "3", "\"text\"", "nil", "[1 2]", "{\"a\" 1}".
inline std::string show(std::string_view& in) {
  const auto end = in.find("\r\n");
  if (end == std::string_view::npos) return "<cut>";
  const char type = in[0];
  const auto head = in.substr(1, end - 1);
  in.remove_prefix(end + 2);
  long n = 0;
  std::from_chars(head.data(), head.data() + head.size(), n);
  const auto bytes = [&](std::size_t skip) {
    std::string text("\"");
    text.append(in.substr(skip, static_cast<std::size_t>(n) - skip)).append("\"");
    in.remove_prefix(static_cast<std::size_t>(n) + 2);
    return text;
  };
  const auto many = [&](long values, const char* open, const char* close) {
    std::string text(open);
    for (long i = 0; i < values; ++i) text.append(i == 0 ? "" : " ").append(show(in));
    return text.append(close);
  };
  switch (type) {
    case '+':
      return std::string(head);
    case '-':
      return std::string("(error) ").append(head);
    case ':':
    case ',':
      return std::string(head);
    case '#':
      return head == "t" ? "true" : "false";
    case '_':
      return "nil";
    case '$':
      return n < 0 ? "nil" : bytes(0);
    case '=':
      return bytes(4);
    case '*':
      return many(n, "[", "]");
    case '~':
      return many(n, "<", ">");
    case '%':
      return many(2 * n, "{", "}");
    default:
      return "<bad reply>";
  }
}

inline std::string bulk_request(const std::vector<std::string>& args) {
  std::string text("*");
  text.append(std::to_string(args.size())).append("\r\n");
  for (const auto& arg : args)
    text.append("$").append(std::to_string(arg.size())).append("\r\n").append(arg).append("\r\n");
  return text;
}

struct TestDoor : DoorUnderTest<RespDoor, RespOptions> {
  explicit TestDoor(RespOptions options = {}, std::vector<policy::Limit> limits = {},
                    store::Store* other = nullptr, observe::Decisions* decisions = nullptr,
                    std::size_t max_keys = std::size_t{1} << 20)
      : DoorUnderTest(std::move(options), std::move(limits), other, decisions, max_keys) {}

  /// One inline request, its reply as show() has it.
  std::string ask(std::string_view line) {
    const std::string out = raw(std::string(line).append("\r\n"));
    std::string_view in = out;
    if (in.empty()) return "<silence>";
    std::string text = show(in);
    return in.empty() ? text : text.append(" <and more>");
  }
};

}  // namespace sluice::door
