#include "door/resp/command.h"

#include <algorithm>
#include <array>
#include <string>

#include "door/resp/values.h"

namespace sluice::door {
namespace {

constexpr std::string_view kConnection = "connection";
constexpr std::string_view kServer = "server";
constexpr std::string_view kRateLimit = "rate_limit";
constexpr std::string_view kOwn = "0.1.0";

constexpr auto kFast = Command::kFast;
constexpr auto kAsks = Command::kAsks;
constexpr auto kWrite = Command::kWrite;
constexpr auto kReadOnly = Command::kReadOnly;
constexpr auto kStranger = Command::kStranger;
constexpr auto kChange = Command::kChange;
constexpr auto kWhole = Command::kWhole;

constexpr Argument kThrottleArguments[] = {{"key", "key"},
                                           {"max_burst", "integer"},
                                           {"count", "integer"},
                                           {"period", "integer"},
                                           {"quantity", "integer", {}, true}};
constexpr Argument kGcraArguments[] = {{"key", "key"},
                                       {"max-burst", "integer"},
                                       {"tokens-per-period", "integer"},
                                       {"period", "double"},
                                       {"count", "integer", "TOKENS", true}};
constexpr Argument kTakeArguments[] = {{"limit", "string"}, {"key", "key"}, {"cost", "integer", {}, true}};
constexpr Argument kTakeUpToArguments[] = {{"limit", "string"}, {"key", "key"}, {"most", "integer"}};
constexpr Argument kReserveArguments[] = {
    {"limit", "string"}, {"key", "key"}, {"cost", "integer"}, {"seconds", "double", "MAXWAIT", true}};
constexpr Argument kRefundArguments[] = {
    {"limit", "string"}, {"key", "key"}, {"tokens", "integer", {}, true}, {"id", "string", "ID", true}};
constexpr Argument kResetArguments[] = {{"limit", "string"}, {"key", "key"}};
constexpr Argument kAuthArguments[] = {{"username", "string", {}, true}, {"password", "string"}};
constexpr Argument kEchoArguments[] = {{"message", "string"}};
constexpr Argument kPingArguments[] = {{"message", "string", {}, true}};
constexpr Argument kSelectArguments[] = {{"index", "integer"}};
constexpr Argument kHelloArguments[] = {{"protover", "integer", {}, true},
                                        {"username password", "string", "AUTH", true},
                                        {"clientname", "string", "SETNAME", true}};
constexpr Argument kInfoArguments[] = {{"section", "string", {}, true}};
constexpr Argument kNameArguments[] = {{"connection-name", "string"}};
constexpr Argument kSetInfoArguments[] = {{"attribute", "string"}, {"value", "string"}};
constexpr Argument kOnOffArguments[] = {{"on|off", "string"}};
constexpr Argument kCommandNames[] = {{"command-name", "string", {}, true}};
constexpr Argument kParameters[] = {{"parameter", "string"}};

constexpr Command kClientCommands[] = {
    {"getname", 2, 0, 0, client_getname, kConnection, "2.6.9", "The name of this connection"},
    {"id", 2, 0, 0, client_id, kConnection, "5.0.0", "The number of this connection"},
    {"info", 2, 0, 0, client_info, kConnection, "6.2.0", "What is known of this connection"},
    {"list", -2, 0, 0, client_info, kConnection, "2.4.0", "The same as CLIENT INFO: this connection alone"},
    {"no-evict", 3, 0, 0, client_ok, kConnection, "7.0.0", "Accepted and ignored", kOnOffArguments},
    {"no-touch", 3, 0, 0, client_ok, kConnection, "7.2.0", "Accepted and ignored", kOnOffArguments},
    {"setinfo", 4, 0, 0, client_setinfo, kConnection, "7.2.0",
     "Tell the client library's LIB-NAME or LIB-VER", kSetInfoArguments},
    {"setname", 3, 0, 0, client_setname, kConnection, "2.6.9", "Name this connection", kNameArguments},
};
constexpr Command kCommandCommands[] = {
    {"count", 2, 0, 0, command_count, kServer, "2.8.13", "How many commands there are"},
    {"docs", -2, 0, 0, command_docs, kServer, "7.0.0", "Documentation of commands", kCommandNames},
    {"info", -2, 0, 0, command_info, kServer, "2.8.13", "Arity, flags and keys of commands", kCommandNames},
    {"list", -2, 0, 0, command_list, kServer, "7.0.0", "The names of all commands"},
};
constexpr Command kConfigCommands[] = {
    {"get", -3, 0, 0, config_get, kServer, "2.0.0", "Values that redis-benchmark asks for", kParameters},
};

// By name, so that COMMAND LIST is in order.
constexpr Command kCommands[] = {
    {"auth", -2, kFast | kStranger, 0, auth, kConnection, "1.0.0", "Give the password", kAuthArguments},
    {"cl.throttle", -5, kFast | kWrite | kAsks, 1, cl_throttle, kRateLimit, kOwn,
     "Take tokens from the key's bucket of max_burst + 1 tokens, refilled by count every period seconds",
     kThrottleArguments},
    {"client", -2, 0, 0, nullptr, kConnection, "2.4.0", "Commands about connections", {}, kClientCommands},
    {"command", -1, 0, 0, command_all, kServer, "2.8.13", "What commands there are", {}, kCommandCommands},
    {"config", -2, 0, 0, nullptr, kServer, "2.0.0", "Commands about the configuration", {}, kConfigCommands},
    {"echo", 2, kFast, 0, echo, kConnection, "1.0.0", "Send the message back", kEchoArguments},
    {"gcra", -5, kFast | kWrite | kAsks, 1, gcra, kRateLimit, kOwn,
     "Take tokens from the key's bucket, as Redis's command of that name", kGcraArguments},
    {"hello", -1, kFast | kStranger, 0, hello, kConnection, "6.0.0", "Choose the protocol's version",
     kHelloArguments},
    {"info", -1, 0, 0, info, kServer, "1.0.0", "Figures of the server", kInfoArguments},
    {"ping", -1, kFast, 0, ping, kConnection, "1.0.0", "Is the server there?", kPingArguments},
    {"quit", -1, kFast | kStranger, 0, quit, kConnection, "1.0.0", "Close the connection"},
    {"reset", 1, kFast | kStranger, 0, reset, kConnection, "6.2.0", "Make the connection as new"},
    {"select", 2, kFast, 0, select, kConnection, "1.0.0", "Choose the database: there is one, 0",
     kSelectArguments},
    {"sluice.limits", 1, kWhole, 0, sluice_limits, kRateLimit, kOwn, "The named limits in force"},
    {"sluice.peek", -3, kFast | kReadOnly | kAsks, 2, sluice_peek, kRateLimit, kOwn,
     "What SLUICE.TAKE would answer; takes nothing", kTakeArguments},
    {"sluice.refund", -3, kFast | kWrite, 2, sluice_refund, kRateLimit, kOwn,
     "Give tokens back, never above full; with an id, once", kRefundArguments},
    {"sluice.reserve", -4, kFast | kWrite | kAsks, 2, sluice_reserve, kRateLimit, kOwn,
     "Take tokens now or ahead of time, and learn how long to wait for them", kReserveArguments},
    {"sluice.reset", 3, kFast | kWrite | kChange, 2, sluice_reset, kRateLimit, kOwn, "Make a bucket full",
     kResetArguments},
    {"sluice.take", -3, kFast | kWrite | kAsks, 2, sluice_take, kRateLimit, kOwn,
     "Take tokens under a named limit, all or none", kTakeArguments},
    {"sluice.takeupto", 4, kFast | kWrite | kAsks, 2, sluice_take_up_to, kRateLimit, kOwn,
     "Take as many tokens as there are, at most so many", kTakeUpToArguments},
};

// Names to commands: an open table of twice their number, built by the compiler.
constexpr std::size_t kSlots = 64;
constexpr std::size_t slot(std::string_view name) {
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(to_lower(name[i])));
  };
  return (name.size() * 11 + at(0) * 3 + at(name.size() - 1) * 7 + at(name.size() / 2)) % kSlots;
}
constexpr auto kIndex = [] {
  std::array<const Command*, kSlots> index{};
  static_assert(2 * std::size(kCommands) <= kSlots);
  for (const auto& command : kCommands) {
    std::size_t i = slot(command.name);
    while (index[i] != nullptr) i = (i + 1) % kSlots;
    index[i] = &command;
  }
  return index;
}();

constexpr std::size_t kEchoedMax = 128;  // Of a client's own bytes in an error, as Redis.

void unknown_command(Call& call) {
  // An HTTP request that a page was tricked into sending here: not a word to it.
  if (equals_ignoring_case(call.args[0], "post") || equals_ignoring_case(call.args[0], "host:"))
    return call.session.hang_up();
  std::string text("ERR unknown command '");
  text.append(call.args[0].substr(0, kEchoedMax)).append("', with args beginning with: ");
  for (std::size_t i = 1, left = kEchoedMax; i < call.args.size() && left > 0; ++i) {
    const auto arg = call.args[i].substr(0, left);
    text.append("'").append(arg).append("' ");
    left -= std::min(left, arg.size() + 3);
  }
  call.reply.error(text);
}

bool fits(const Command& command, std::size_t args) {
  const auto n = static_cast<int>(args);
  return command.arity >= 0 ? n == command.arity : n >= -command.arity;
}

void wrong_number(Call& call, const Command& command, const Command* subcommand) {
  std::string text("ERR wrong number of arguments for '");
  text.append(command.name);
  if (subcommand != nullptr) text.append("|").append(subcommand->name);
  call.reply.error(text.append("' command"));
}

void unknown_subcommand(Call& call, const Command& command) {
  std::string parent(command.name);
  for (char& c : parent) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
  call.reply.error(std::string("ERR unknown subcommand '")
                       .append(call.args[1].substr(0, kEchoedMax))
                       .append("'. Try ")
                       .append(parent)
                       .append(" HELP."));
}

void no_auth(Call& call) {
  call.door.count_denied(false);
  call.reply.error("NOAUTH Authentication required.");
}

/// False: the peer's token may not, and the call is answered.
bool admit(Call& call, const Command& command) {
  const access::Need need = need_of(command);
  const access::Token& token = *call.session.token();
  if ((command.flags & Command::kStranger) != 0) return true;
  if (token.may(need)) return true;
  call.door.count_denied(true);
  call.reply.error(std::string("NOPERM User ")
                       .append(token.name)
                       .append(" has no permissions to run the '")
                       .append(command.name)
                       .append("' command: ")
                       .append(access::forbidden_text(token, need)));
  return false;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  if (name.empty()) return nullptr;
  for (std::size_t i = slot(name); kIndex[i] != nullptr; i = (i + 1) % kSlots)
    if (equals_ignoring_case(name, kIndex[i]->name)) return kIndex[i];
  return nullptr;
}

const Command* find_subcommand(const Command& command, std::string_view name) {
  for (const auto& subcommand : command.subcommands)
    if (equals_ignoring_case(name, subcommand.name)) return &subcommand;
  return nullptr;
}

access::Need need_of(const Command& command) {
  if ((command.flags & Command::kChange) != 0) return access::kToChange;
  if ((command.flags & Command::kWrite) != 0) return access::kToTake;
  if ((command.flags & Command::kReadOnly) != 0) return access::kToLook;
  return (command.flags & Command::kWhole) != 0 ? access::kToInspect : access::kAnyToken;
}

bool refuse_limit(Call& call, std::string_view limit) {
  const auto* const token = call.session.token();
  if (token == nullptr || token->scope == nullptr || token->scope->has_limit(limit)) [[likely]]
    return false;
  call.door.count_denied(true);
  call.reply.error(std::string("NOPERM User ")
                       .append(token->name)
                       .append(" has no permissions to access the limit '")
                       .append(limit.substr(0, kEchoedMax))
                       .append("'"));
  return true;
}

void run_command(Call& call) {
  const Command* const command = call.door.latest_command().find(call.args[0]);
  if (command == nullptr) return unknown_command(call);
  if (!fits(*command, call.args.size())) return wrong_number(call, *command, nullptr);
  if (!call.session.authenticated() && (command->flags & Command::kStranger) == 0) return no_auth(call);
  if (call.session.token() != nullptr && !admit(call, *command)) return;
  if ((command->flags & Command::kAsks) != 0 && call.session.sheds()) return call.reply.error(kOverloaded);
  if (command->subcommands.empty() || call.args.size() == 1) return command->run(call);

  if (equals_ignoring_case(call.args[1], "help")) return subcommand_help(*command, call.reply);
  const Command* const subcommand = find_subcommand(*command, call.args[1]);
  if (subcommand == nullptr) return unknown_subcommand(call, *command);
  if (!fits(*subcommand, call.args.size())) return wrong_number(call, *command, subcommand);
  subcommand->run(call);
}

}  // namespace sluice::door
