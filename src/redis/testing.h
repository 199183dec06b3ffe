// testing.h: replies as text, for tests and fuzzers.
#pragma once

#include <chrono>
#include <future>
#include <string>
#include <string_view>

#include "redis/node.h"

namespace sluice::redis {

/// "[1 'text' (nil)]", "ERR no", "true": one reply in one line. `at` moves past the element.
inline std::string show(Reply reply, std::size_t& at) {
  const Element& e = reply[at++];
  switch (e.kind) {
    case Element::Kind::null:
      return "(nil)";
    case Element::Kind::integer:
      return std::to_string(e.integer);
    case Element::Kind::text:
      return "'" + std::string(e.text) + "'";
    case Element::Kind::error:
      return std::string(e.text);
    case Element::Kind::boolean:
      return e.integer != 0 ? "true" : "false";
    case Element::Kind::array:
      break;
  }
  std::string text = "[";
  for (std::int64_t i = 0; i < e.integer; ++i) text += (i > 0 ? " " : "") + show(reply, at);
  return text + "]";
}

inline std::string show(Reply reply) {
  std::size_t at = 0;
  std::string text = show(reply, at);
  return at == reply.size() ? text : text + " and more";
}

/// One command's end, as text: the reply, or "not sent, ..." or "unknown, ...".
class One final : public Caller {
 public:
  void replied(Reply reply) override { heard_.set_value(show(reply)); }
  void lost(Loss loss, std::string_view why) override {
    heard_.set_value((loss == Loss::not_sent ? "not sent, " : "unknown, ") + std::string(why));
  }
  std::string wait() {
    auto heard = heard_.get_future();
    return heard.wait_for(std::chrono::seconds(30)) == std::future_status::ready ? heard.get() : "nothing";
  }

 private:
  std::promise<std::string> heard_;
};

}  // namespace sluice::redis
