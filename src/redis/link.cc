#include "redis/link.h"

#include <algorithm>

#include "redis/command.h"

namespace sluice::redis {
namespace {

constexpr std::size_t kKeptOutput = 256 * 1024;  // Room that an idle link may hold on to.

bool unknown_command(std::string_view error) {
  return error.find("unknown command") != std::string_view::npos ||
         error.find("unsupported command") != std::string_view::npos;
}

std::string_view code_of(std::string_view error) { return error.substr(0, error.find(' ')); }

// What to do about an error that any step of a greeting may get; empty: say the server's own words.
std::string_view mend(std::string_view code, bool with_password) {
  if (code == "WRONGPASS")
    return "the server does not know this user with this password: check both in the URL";
  if (code == "NOAUTH")
    return with_password
               ? "the server wants another user or password: check both in the URL"
               : "the server asks for a password: write redis://user:password@host, or :password@host";
  if (code == "NOPERM")
    return "the user may not greet the server: allow it the commands hello, select and ping (ACL SETUSER)";
  if (code == "LOADING") return "the server is loading its data: it will be ready by itself";
  if (code == "MASTERDOWN") return "a replica without its primary: name the primary in the URL";
  if (code == "DENIED")
    return "the server is in protected mode and speaks with its own machine alone: give it a password";
  return {};
}

}  // namespace

void Link::open() {
  state_ = State::greeting;
  role_ = Role::unknown;
  version_.clear();
  resp3_ = false;
  why_.clear();
  parser_.emplace(options_.reply);
  out_.clear();
  taken_ = 0;
  ask(Step::hello);
}

void Link::send(std::string_view command, Caller& caller) {
  if (state_ != State::ready) return caller.lost(Loss::not_sent, "not connected");
  if (count_ >= options_.commands_max)
    return caller.lost(Loss::not_sent, "too many commands wait for replies");
  if (out_.size() >= options_.output_bytes_max)
    return caller.lost(Loss::not_sent, "too many bytes wait to be sent");
  push(caller);
  out_.append(command);
}

void Link::take_output(std::string& to) {
  to.clear();
  if (to.capacity() > kKeptOutput) to = {};
  to.swap(out_);
  taken_ += to.size();
}

std::size_t Link::feed(std::string_view in) {
  const std::size_t size = in.size();
  while (state_ == State::greeting || state_ == State::ready) {
    switch (parser_->feed(in)) {
      case ReplyParser::Event::need_more:
        return size - in.size();
      case ReplyParser::Event::push:
        if (pushed_ != nullptr && state_ == State::ready) pushed_->replied(parser_->reply());
        break;
      case ReplyParser::Event::error:
        fail(std::string(parser_->error()));
        break;
      case ReplyParser::Event::reply:
        ++replies_;
        if (state_ == State::greeting) {
          greet(parser_->reply());
        } else if (count_ > 0) {
          pop().caller->replied(parser_->reply());
        } else {
          const Element& e = parser_->reply().front();
          fail(e.kind == Element::Kind::error ? "the server said: " + std::string(e.text)
                                              : "Protocol error: a reply that nothing was asked for");
        }
    }
  }
  return size;
}

void Link::close(std::string_view why) {
  const std::string reason(why);  // It may be ours, and callers may bring a new one about.
  state_ = State::idle;
  out_.clear();
  if (out_.capacity() > kKeptOutput) out_ = {};
  while (count_ > 0) {
    const Waiting w = pop();
    w.caller->lost(w.at >= taken_ ? Loss::not_sent : Loss::unknown, reason);
  }
}

// ---- the greeting

void Link::ask(Step step) {
  step_ = step;
  const Login& login = options_.login;
  switch (step) {
    case Step::hello:
      append_header(out_, login.password.empty() ? 4 : 7);
      append_argument(out_, "HELLO");
      append_argument(out_, 3);
      if (!login.password.empty()) {
        append_argument(out_, "AUTH");
        append_argument(out_, login.user.empty() ? "default" : std::string_view(login.user));
        append_argument(out_, login.password);
      }
      append_argument(out_, "SETNAME");
      append_argument(out_, options_.name);
      return;
    case Step::auth:
      if (login.user.empty()) return append_command(out_, "AUTH", login.password);
      return append_command(out_, "AUTH", login.user, login.password);
    case Step::set_name:
      return append_command(out_, "CLIENT", "SETNAME", options_.name);
    case Step::role:
      return append_command(out_, "ROLE");
    case Step::select:
      return append_command(out_, "SELECT", options_.database);
    case Step::ping:
      return append_command(out_, "PING");
  }
}

void Link::greet(Reply reply) {
  const Element& first = reply.front();
  if (first.kind == Element::Kind::error) return refused(first.text);
  if (step_ == Step::hello) resp3_ = true, learn(reply);
  if (step_ == Step::role && reply.size() > 1) learn_role(reply[1].text);
  next_step();
}

void Link::refused(std::string_view error) {
  const auto code = code_of(error);
  switch (step_) {
    case Step::hello:
      if (unknown_command(error) || code == "NOPROTO" || code == "NOPERM")
        return ask(options_.login.password.empty() ? Step::set_name : Step::auth);
      break;
    case Step::set_name:
    case Step::role:
      if (code != "NOAUTH") return next_step();  // Not needed.
      break;
    case Step::ping:
      if (code == "NOPERM" || unknown_command(error)) return next_step();
      break;
    case Step::select:
      if (code == "ERR")
        return fail("the server has no database " + std::to_string(options_.database) +
                    ": choose another in the URL, or raise `databases` in its configuration");
      break;
    case Step::auth:
      if (code == "ERR" && error.find("without any password") != std::string_view::npos)
        return fail("the server has no password set: leave it out of the URL, or set one");
      break;
  }
  const auto what_to_do = mend(code, !options_.login.password.empty());
  if (!what_to_do.empty()) return fail(std::string(what_to_do) + " (" + std::string(code) + ")");
  const Login& login = options_.login;  // Some servers repeat what they were asked.
  const bool repeats = (!login.password.empty() && error.find(login.password) != std::string_view::npos) ||
                       (!login.user.empty() && error.find(login.user) != std::string_view::npos);
  fail("the server refused the greeting: " + std::string(repeats ? code : error));
}

void Link::next_step() {
  switch (step_) {
    case Step::auth:
      return ask(Step::set_name);
    case Step::set_name:
      return ask(Step::role);
    case Step::hello:
    case Step::role:
      if (role_ == Role::replica && options_.primary_only)
        return fail(
            "the server is a replica and takes no writes: name the primary, or ask Sentinel for it "
            "(redis+sentinel://)");
      return ask(options_.database != 0 ? Step::select : Step::ping);
    case Step::select:
      return ask(Step::ping);
    case Step::ping:
      return become_ready();
  }
}

// HELLO's reply: a map, in RESP2 an array, of names and values; some values are arrays themselves.
void Link::learn(Reply hello) {
  for (std::size_t i = 1; i + 1 < hello.size(); ++i) {
    if (hello[i].text == "role") learn_role(hello[i + 1].text);
    if (hello[i].text == "version") version_ = hello[i + 1].text.substr(0, 32);
    if (hello[i].text == "mode" && hello[i + 1].text == "sentinel") role_ = Role::sentinel;
  }
}

void Link::learn_role(std::string_view role) {
  if (role == "master" || role == "primary") role_ = Role::primary;
  if (role == "slave" || role == "replica") role_ = Role::replica;
  if (role == "sentinel") role_ = Role::sentinel;
}

void Link::become_ready() {
  state_ = State::ready;
  push(ignored_);  // Known since Redis 7.2 and Valkey 7.2; others say that they do not know it.
  append_command(out_, "CLIENT", "SETINFO", "LIB-NAME", options_.name);
}

// ---- the callers

void Link::push(Caller& caller) {
  if (count_ == waiting_.size()) {
    std::rotate(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(first_), waiting_.end());
    first_ = 0;
    waiting_.resize(std::max<std::size_t>(64, waiting_.size() * 2));
  }
  waiting_[(first_ + count_++) & (waiting_.size() - 1)] = {&caller, taken_ + out_.size()};
}

Link::Waiting Link::pop() {
  const Waiting w = waiting_[first_];
  first_ = (first_ + 1) & (waiting_.size() - 1);
  --count_;
  return w;
}

}  // namespace sluice::redis
