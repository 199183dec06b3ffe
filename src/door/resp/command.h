// command.h: what the RESP door knows, as a table. Each row is at once the code that runs, the arity that is
// checked, and what COMMAND and COMMAND DOCS tell (redis-cli's help and completion).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "access/gate.h"
#include "door/resp/batch.h"
#include "door/resp/session.h"
#include "wire/resp_writer.h"

namespace sluice::door {

struct Command;

/// One request on its way through a command.
struct Call {
  RespSession& session;
  RespDoor& door;
  RespBatch& batch;  ///< Where asks go: batch.ask(), or limit_ask() below.
  std::span<const std::string_view> args;
  wire::RespWriter reply;  ///< For what is answered at once. A command that asks writes nothing here.
};

/// An argument, for COMMAND DOCS.
struct Argument {
  std::string_view name;
  std::string_view type;  ///< Redis's word: key, string, integer, double, pure-token.
  std::string_view token = {};
  bool optional = false;
};

struct Command {
  enum Flag : std::uint8_t {
    kFast = 1,
    kWrite = 2,     ///< Changes a bucket.
    kReadOnly = 4,  ///< Looks at a bucket.
    kStranger = 8,  ///< Allowed before the password is given.
    kChange = 16,   ///< Of a token: needs the role change, and not take.
    kWhole = 32,    ///< Of a token: needs the role inspect, for the server as a whole.
    kAsks = 64,     ///< Asks for tokens: shed while the server is overloaded.
  };
  std::string_view name;  ///< Lower case.
  /// As Redis counts: so many arguments, the name (of a subcommand: both names) among them; -n: n or more.
  int arity;
  unsigned flags;
  int key;  ///< Index of the argument that is a key, 0 if there is none.
  void (*run)(Call& call);
  std::string_view group;
  std::string_view since;
  std::string_view summary;
  std::span<const Argument> arguments = {};
  std::span<const Command> subcommands = {};  ///< If any, the second argument chooses one of them.
};

/// All commands, by name.
std::span<const Command> commands();
/// Upper or lower case. Null if there is none.
const Command* find_command(std::string_view name);

/// The command that was found last. Requests of a pipeline are mostly alike: comparing bytes is all that the
/// next one costs.
class LatestCommand {
 public:
  const Command* find(std::string_view name) {
    if (name.size() == size_ && std::memcmp(name.data(), name_.data(), size_) == 0) return command_;
    const Command* const found = find_command(name);
    if (found != nullptr && name.size() <= name_.size()) {
      command_ = found;
      size_ = name.copy(name_.data(), name_.size());
    }
    return found;
  }

 private:
  std::array<char, 16> name_{};  // As the client wrote it. No command's name is longer.
  std::size_t size_ = 0;
  const Command* command_ = nullptr;
};

const Command* find_subcommand(const Command& command, std::string_view name);

/// What a token needs for it.
access::Need need_of(const Command& command);
/// True: the peer's token is not for this limit, and the call is answered.
bool refuse_limit(Call& call, std::string_view limit);

/// Checks name, arity, password and role, then runs it, or answers with Redis's own error.
void run_command(Call& call);

// The commands. throttle_commands.cc:
void cl_throttle(Call& call);
void gcra(Call& call);
// limit_commands.cc:
void sluice_take(Call& call);
void sluice_peek(Call& call);
void sluice_take_up_to(Call& call);
void sluice_reserve(Call& call);
void sluice_refund(Call& call);
void sluice_reset(Call& call);
void sluice_limits(Call& call);
// connection_commands.cc:
void auth(Call& call);
void client_getname(Call& call);
void client_id(Call& call);
void client_info(Call& call);
void client_ok(Call& call);
void client_setinfo(Call& call);
void client_setname(Call& call);
void echo(Call& call);
void hello(Call& call);
void ping(Call& call);
void quit(Call& call);
void reset(Call& call);
void select(Call& call);
// server_commands.cc:
void config_get(Call& call);
void info(Call& call);
// command_docs.cc:
void command_all(Call& call);
void command_count(Call& call);
void command_docs(Call& call);
void command_info(Call& call);
void command_list(Call& call);
void subcommand_help(const Command& command, wire::RespWriter& reply);

}  // namespace sluice::door
