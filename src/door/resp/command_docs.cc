// COMMAND and its kin: the table of commands, told to clients in Redis's forms.
#include <string>
#include <vector>

#include "door/resp/command.h"
#include "door/resp/values.h"

namespace sluice::door {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
  return result;
}

std::string full_name(const Command* parent, const Command& command) {
  std::string name;
  if (parent != nullptr) name.append(parent->name).append("|");
  return name.append(command.name);
}

// Name, arity, flags, first key, last key, step, ACL categories, tips, key specifications, subcommands.
void entry(const Command* parent, const Command& command, wire::RespWriter& reply) {
  std::vector<std::string_view> flags;
  if (command.flags & Command::kWrite) flags.push_back("write");
  if (command.flags & Command::kReadOnly) flags.push_back("readonly");
  if (command.flags & Command::kFast) flags.push_back("fast");
  if (command.flags & Command::kStranger) flags.push_back("no_auth");
  reply.array(10);
  reply.bulk(full_name(parent, command));
  reply.integer(command.arity);
  reply.set(flags.size());
  for (const auto flag : flags) reply.simple(flag);
  reply.integer(command.key);
  reply.integer(command.key);
  reply.integer(command.key == 0 ? 0 : 1);
  reply.set(1);
  reply.simple(std::string("@").append(command.group));
  reply.set(0);
  reply.set(0);
  reply.array(command.subcommands.size());
  for (const auto& subcommand : command.subcommands) entry(&command, subcommand, reply);
}

void argument(const Argument& a, wire::RespWriter& reply) {
  const bool is_key = a.type == "key";
  reply.map(2 + (is_key ? 1U : 0U) + (a.token.empty() ? 0U : 1U) + (a.optional ? 1U : 0U));
  reply.bulk("name");
  reply.bulk(a.name);
  reply.bulk("type");
  reply.bulk(a.type);
  if (is_key) {
    reply.bulk("key_spec_index");
    reply.integer(0);
  }
  if (!a.token.empty()) {
    reply.bulk("token");
    reply.bulk(a.token);
  }
  if (a.optional) {
    reply.bulk("flags");
    reply.set(1);
    reply.simple("optional");
  }
}

void docs(const Command* parent, const Command& command, wire::RespWriter& reply) {
  reply.bulk(full_name(parent, command));
  const bool has_arguments = !command.arguments.empty();
  const bool has_subcommands = !command.subcommands.empty();
  reply.map(4 + (has_arguments ? 1U : 0U) + (has_subcommands ? 1U : 0U));
  reply.bulk("summary");
  reply.bulk(command.summary);
  reply.bulk("since");
  reply.bulk(command.since);
  reply.bulk("group");
  reply.bulk(command.group);
  reply.bulk("complexity");
  reply.bulk("O(1)");
  if (has_arguments) {
    reply.bulk("arguments");
    reply.array(command.arguments.size());
    for (const auto& a : command.arguments) argument(a, reply);
  }
  if (has_subcommands) {
    reply.bulk("subcommands");
    reply.map(command.subcommands.size());
    for (const auto& subcommand : command.subcommands) docs(&command, subcommand, reply);
  }
}

}  // namespace

void command_all(Call& call) {
  call.reply.array(commands().size());
  for (const auto& command : commands()) entry(nullptr, command, call.reply);
}

void command_count(Call& call) { call.reply.integer(static_cast<std::int64_t>(commands().size())); }

void command_info(Call& call) {
  const auto names = call.args.subspan(2);
  if (names.empty()) return command_all(call);
  call.reply.array(names.size());
  for (const auto name : names) {
    if (const auto* command = find_command(name))
      entry(nullptr, *command, call.reply);
    else
      call.reply.null();
  }
}

void command_docs(Call& call) {
  const auto names = call.args.subspan(2);
  std::vector<const Command*> found;
  for (const auto name : names)
    if (const auto* command = find_command(name)) found.push_back(command);
  if (names.empty())
    for (const auto& command : commands()) found.push_back(&command);
  call.reply.map(found.size());
  for (const auto* command : found) docs(nullptr, *command, call.reply);
}

void command_list(Call& call) {
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    names.emplace_back(command.name);
    for (const auto& subcommand : command.subcommands) names.push_back(full_name(&command, subcommand));
  }
  call.reply.array(names.size());
  for (const auto& name : names) call.reply.bulk(name);
}

void subcommand_help(const Command& command, wire::RespWriter& reply) {
  reply.array(1 + 2 * command.subcommands.size());
  reply.simple(upper(command.name).append(" <subcommand> [<arg> ...]. Subcommands are:"));
  for (const auto& subcommand : command.subcommands) {
    std::string usage = upper(subcommand.name);
    for (const auto& a : subcommand.arguments)
      usage.append(a.optional ? " [<" : " <").append(a.name).append(a.optional ? ">]" : ">");
    reply.simple(usage);
    reply.simple(std::string("    ").append(subcommand.summary).append("."));
  }
}

}  // namespace sluice::door
