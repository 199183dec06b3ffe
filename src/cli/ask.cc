#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "cli/app.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/json.h"

namespace sluice::cli {

namespace {

constexpr std::array kFields = {"allowed", "limit", "remaining", "retry_after", "reset_after", "quota"};

Result<std::vector<std::string>> request(const AskOptions& o) {
  const auto tokens = std::to_string(o.tokens);
  if (o.command == "take") return std::vector<std::string>{"SLUICE.TAKE", o.limit, o.key, tokens};
  if (o.command == "peek") return std::vector<std::string>{"SLUICE.PEEK", o.limit, o.key, tokens};
  if (o.command == "refund") {
    std::vector<std::string> words = {"SLUICE.REFUND", o.limit, o.key, tokens};
    if (!o.id.empty()) words.insert(words.end(), {"ID", o.id});
    return words;
  }
  if (o.command == "reset") return std::vector<std::string>{"SLUICE.RESET", o.limit, o.key};
  std::vector<std::string> words = {"SLUICE.RESERVE", o.limit, o.key, tokens};
  if (!o.max_wait.empty()) {
    auto wait = server::parse_duration(o.max_wait);
    if (!wait) return Error{Code::invalid_argument, "--max-wait: " + wait.error().message};
    char seconds[40];
    std::snprintf(seconds, sizeof seconds, "%lld.%09lld",
                  static_cast<long long>(wait->count() / 1'000'000'000),
                  static_cast<long long>(wait->count() % 1'000'000'000));
    words.insert(words.end(), {"MAXWAIT", seconds});
  }
  return words;
}

struct Answer {
  bool allowed = false;
  bool never = false;
  std::string limit, remaining, retry_after, reset_after, quota;
  std::string due_after;  // reserve, allowed.
  bool repeated = false;  // refund with an id that was there before.
};

Result<Answer> read(const Reply& reply, bool refund) {
  if (reply.kind != Reply::Kind::list || reply.list.size() < kFields.size())
    return Error{Code::unavailable, "the server's answer is not understood; is it another version?"};
  const auto& r = reply.list;
  return Answer{.allowed = r[0].text == "1",
                .never = r[3].kind == Reply::Kind::null,
                .limit = r[1].text,
                .remaining = r[2].text,
                .retry_after = r[3].text,
                .reset_after = r[4].text,
                .quota = r[5].text,
                .due_after = r.size() > kFields.size() && !refund ? r[6].text : "",
                .repeated = r.size() > kFields.size() && refund && r[6].text == "0"};
}

void print_json(const Answer& a) {
  std::printf(
      "{\"allowed\":%s,\"limit\":%s,\"remaining\":%s,\"retry_after\":%s,\"reset_after\":%s,\"quota\":%s",
      a.allowed ? "true" : "false", a.limit.c_str(), a.remaining.c_str(),
      a.never ? "null" : a.retry_after.c_str(), a.reset_after.c_str(), json_string(a.quota).c_str());
  if (!a.due_after.empty()) std::printf(",\"due_after\":%s", a.due_after.c_str());
  if (a.repeated) std::printf(",\"applied\":false");
  std::printf("}\n");
}

void print(const Answer& a) {
  if (a.repeated)
    std::printf("nothing given back: it was done before for this id");
  else if (a.allowed && !a.due_after.empty() && a.due_after != "0")
    std::printf("allowed in %s s", a.due_after.c_str());
  else if (a.allowed)
    std::printf("allowed");
  else if (a.never)
    std::printf("refused: can never pass, it is more than the bucket holds");
  else
    std::printf("refused: try again in %s s", a.retry_after.c_str());
  std::printf("; %s of %s left, full in %s s (%s)\n", a.remaining.c_str(), a.limit.c_str(),
              a.reset_after.c_str(), a.quota.c_str());
}

}  // namespace

int ask(const AskOptions& options) {
  const auto address = net::Address::parse(options.server);
  if (!address) return fail("--server: " + address.error().message);
  const auto timeout = server::parse_duration(options.timeout);
  if (!timeout) return fail("--timeout: " + timeout.error().message);
  const auto words = request(options);
  if (!words) return fail(words.error().message);
  const auto way = Way::of(options.way);
  if (!way) return fail(way.error().message);
  for (;;) {
    // A new connection for each try: one that idles through a long wait may be cut.
    auto client = RespClient::connect(*address, *way, *timeout);
    if (!client) return fail(client.error().message);
    const auto reply = client->call(*words);
    if (!reply) return fail(reply.error().message);
    const auto answer = read(*reply, options.command == "refund");
    if (!answer) return fail(answer.error().message);
    if (options.wait && !answer->allowed && !answer->never) {
      const double seconds = std::strtod(answer->retry_after.c_str(), nullptr);
      std::this_thread::sleep_for(
          Duration(static_cast<std::int64_t>(std::ceil(std::min(seconds, 9e9) * 1e9))));
      continue;
    }
    options.json ? print_json(*answer) : print(*answer);
    return answer->allowed ? kDone : kRefused;
  }
}

}  // namespace sluice::cli
