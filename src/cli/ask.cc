#include <algorithm>
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
  std::string applied;    // refund with an id: 1 if it was done now.
  bool degraded = false;  // Decided without the shared store.
};

Result<Answer> read(const Reply& reply) {
  const auto text = [&](std::string_view name) {
    const Reply* const field = reply.find(name);
    return field == nullptr ? std::string() : field->text;
  };
  const Reply* const retry = reply.find("retry_after");
  if (retry == nullptr || text("quota").empty())
    return Error{Code::unavailable, "the server's answer is not understood; is it another version?"};
  return Answer{.allowed = text("allowed") == "1",
                .never = retry->kind == Reply::Kind::null,
                .limit = text("limit"),
                .remaining = text("remaining"),
                .retry_after = retry->text,
                .reset_after = text("reset_after"),
                .quota = text("quota"),
                .due_after = text("due_after"),
                .applied = text("applied"),
                .degraded = text("degraded") == "1"};
}

void print_json(const Answer& a) {
  std::printf(
      "{\"allowed\":%s,\"limit\":%s,\"remaining\":%s,\"retry_after\":%s,\"reset_after\":%s,\"quota\":%s",
      a.allowed ? "true" : "false", a.limit.c_str(), a.remaining.c_str(),
      a.never ? "null" : a.retry_after.c_str(), a.reset_after.c_str(), json_string(a.quota).c_str());
  if (!a.due_after.empty()) std::printf(",\"due_after\":%s", a.due_after.c_str());
  if (!a.applied.empty()) std::printf(",\"applied\":%s", a.applied == "1" ? "true" : "false");
  if (a.degraded) std::printf(",\"degraded\":true");
  std::printf("}\n");
}

void print(const Answer& a) {
  if (a.applied == "0")
    std::printf(a.degraded ? "nothing given back: the shared store is away; ask again"
                           : "nothing given back: it was done before for this id");
  else if (a.allowed && !a.due_after.empty() && a.due_after != "0")
    std::printf("allowed in %s s", a.due_after.c_str());
  else if (a.allowed)
    std::printf("allowed");
  else if (a.never)
    std::printf("refused: can never pass, it is more than the bucket holds");
  else
    std::printf("refused: try again in %s s", a.retry_after.c_str());
  std::printf("; %s of %s left, full in %s s (%s)%s\n", a.remaining.c_str(), a.limit.c_str(),
              a.reset_after.c_str(), a.quota.c_str(), a.degraded ? "; decided without the shared store" : "");
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
    if (auto status = client->speak_resp3(); !status) return fail(status.error().message);
    const auto reply = client->call(*words);
    if (!reply) return fail(reply.error().message);
    const auto answer = read(*reply);
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
