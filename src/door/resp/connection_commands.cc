// Commands about the connection itself. The words of the errors are Redis 7's.
#include <string>

#include "door/resp/command.h"
#include "door/resp/values.h"

namespace sluice::door {
namespace {

constexpr std::size_t kNameBytesMax = 1024;  // Of what a client may have us remember.
constexpr std::string_view kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

// Takes as long for a wrong password as for the right one, whatever they have in common.
bool is_password(std::string_view given, std::string_view password) {
  std::size_t difference = given.size() ^ password.size();
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i] ^ password[i % password.size()]);
  return difference == 0;
}

/// Whom a name and a password show.
struct Shown {
  bool known = false;
  const access::Token* token = nullptr;  ///< Null: the user "default".
};

/// `user` empty: whoever has this password.
Shown who_is(RespDoor& door, std::string_view user, std::string_view password) {
  const auto& wanted = door.options().password;
  if (user.empty() || user == "default") {
    if (door.open_to_all() || (!wanted.empty() && is_password(password, wanted))) return {true};
    if (!user.empty()) return {};
  }
  const auto* const token = door.tokens() == nullptr ? nullptr : door.tokens()->get()->find(password);
  if (token == nullptr || (!user.empty() && token->name != user)) return {};
  return {true, token};
}

void let_in(RespSession& session, const Shown& shown) {
  if (shown.token != nullptr)
    session.authenticate(*shown.token);
  else
    session.authenticate(true);
}

void wrong_password(Call& call) {
  call.door.count_denied(false);
  call.reply.error(kWrongPassword);
}

bool printable(std::string_view text) {
  for (const char c : text)
    if (c < '!' || c > '~') return false;
  return text.size() <= kNameBytesMax;
}

constexpr std::string_view kBadName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

void greet(Call& call) {
  // The version may have changed since the writer was made, for this very reply.
  std::string text;
  wire::RespWriter reply(text, call.session.version);
  reply.map(7);
  reply.bulk("server");
  reply.bulk("sluice");
  reply.bulk("version");
  reply.bulk(call.door.options().version);
  reply.bulk("proto");
  reply.integer(static_cast<std::int64_t>(call.session.version));
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(call.session.id()));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
  call.reply.raw(text);
}

}  // namespace

void ping(Call& call) {
  if (call.args.size() > 2) return call.reply.error("ERR wrong number of arguments for 'ping' command");
  if (call.args.size() == 2) return call.reply.bulk(call.args[1]);
  call.reply.raw("+PONG\r\n");
}

void echo(Call& call) { call.reply.bulk(call.args[1]); }

void quit(Call& call) {
  call.reply.simple("OK");
  call.session.hang_up();
}

void reset(Call& call) {
  call.session.reset();
  call.reply.simple("RESET");
}

void select(Call& call) {
  const auto index = whole_number(call.args[1]);
  if (!index) return call.reply.error("ERR value is not an integer or out of range");
  if (*index != 0) return call.reply.error("ERR DB index is out of range");
  call.reply.simple("OK");
}

void auth(Call& call) {
  const auto args = call.args.subspan(1);
  if (args.size() > 2) return call.reply.error("ERR syntax error");
  if (args.size() == 1 && call.door.open_to_all())
    return call.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  if (args.size() == 2 && args[0].empty()) return wrong_password(call);
  const Shown shown = who_is(call.door, args.size() == 2 ? args[0] : std::string_view{}, args.back());
  if (!shown.known) return wrong_password(call);
  let_in(call.session, shown);
  call.reply.simple("OK");
}

void hello(Call& call) {
  auto version = call.session.version;
  std::size_t at = 1;
  if (at < call.args.size()) {
    const auto number = whole_number(call.args[at++]);
    if (!number) return call.reply.error("ERR Protocol version is not an integer or out of range");
    if (*number != 2 && *number != 3) return call.reply.error("NOPROTO unsupported protocol version");
    version = *number == 3 ? wire::RespVersion::resp3 : wire::RespVersion::resp2;
  }
  // Nothing changes before all of it is found to be good.
  Shown shown{call.session.authenticated(), call.session.token()};
  const std::string_view* name = nullptr;
  while (at < call.args.size()) {
    const auto option = call.args[at];
    const std::size_t behind = call.args.size() - at - 1;
    if (behind >= 2 && equals_ignoring_case(option, "auth")) {
      if (call.args[at + 1].empty()) return wrong_password(call);
      shown = who_is(call.door, call.args[at + 1], call.args[at + 2]);
      if (!shown.known) return wrong_password(call);
      at += 3;
    } else if (behind >= 1 && equals_ignoring_case(option, "setname")) {
      name = &call.args[at + 1];
      if (!printable(*name)) return call.reply.error(kBadName);
      at += 2;
    } else {
      return call.reply.error(
          std::string("ERR Syntax error in HELLO option '").append(option.substr(0, 128)).append("'"));
    }
  }
  if (!shown.known)
    return call.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
        "<user> "
        "<pass> option can be used to authenticate the client and select the RESP protocol version at the "
        "same time");
  let_in(call.session, shown);
  call.session.version = version;
  if (name != nullptr) call.session.name = *name;
  greet(call);
}

void client_id(Call& call) { call.reply.integer(static_cast<std::int64_t>(call.session.id())); }

void client_getname(Call& call) {
  if (call.session.name.empty()) return call.reply.null();
  call.reply.bulk(call.session.name);
}

void client_setname(Call& call) {
  if (!printable(call.args[2])) return call.reply.error(kBadName);
  call.session.name = call.args[2];
  call.reply.simple("OK");
}

void client_setinfo(Call& call) {
  const auto attribute = call.args[2];
  const bool is_name = equals_ignoring_case(attribute, "lib-name");
  if (!is_name && !equals_ignoring_case(attribute, "lib-ver"))
    return call.reply.error(
        std::string("ERR Unrecognized option '").append(attribute.substr(0, 128)).append("'"));
  if (!printable(call.args[3]))
    return call.reply.error(std::string("ERR ")
                                .append(is_name ? "lib-name" : "lib-ver")
                                .append(" cannot contain spaces, newlines or special characters."));
  (is_name ? call.session.library_name : call.session.library_version) = call.args[3];
  call.reply.simple("OK");
}

void client_info(Call& call) {
  const auto& s = call.session;
  std::string text("id=");
  text.append(std::to_string(s.id())).append(" addr=").append(s.peer()).append(" name=").append(s.name);
  text.append(" age=").append(std::to_string(s.age_seconds())).append(" idle=0 flags=N db=0 user=");
  text.append(s.token() == nullptr ? std::string_view("default") : s.token()->name);
  text.append(" resp=").append(s.version == wire::RespVersion::resp3 ? "3" : "2");
  text.append(" lib-name=").append(s.library_name).append(" lib-ver=").append(s.library_version).append("\n");
  call.reply.verbatim(text);
}

void client_ok(Call& call) {
  if (!equals_ignoring_case(call.args[2], "on") && !equals_ignoring_case(call.args[2], "off"))
    return call.reply.error("ERR syntax error");
  call.reply.simple("OK");
}

}  // namespace sluice::door
