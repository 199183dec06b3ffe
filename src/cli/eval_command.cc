#include "cli/eval_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "cli/evaluator.h"

namespace sluice::cli {
namespace {

constexpr const char* kFooter =
    R"(One JSON object a line in, one a line out, at once. Time is what you say it is; nothing waits. Fields:
  {"op":"new","capacity":3,"tokens":10,"period_ns":1000000000}    a new bucket, full at its first use
  {"op":"take","t":0,"cost":1}                                    t in ns; one before the latest counts as the latest
  {"op":"peek","t":0,"cost":1}     {"op":"refund","t":0,"cost":1}     {"op":"charge","t":0,"cost":1}
  {"op":"take_up_to","t":0,"cost":5}                              answers granted as well
  {"op":"reserve","t":0,"cost":1,"max_wait_ns":0}                 answers due_after_ns as well; without max_wait_ns any wait
  {"op":"reset","t":0}
new answers {}; all others answer {"allowed":b,"remaining":n,"retry_after_ns":n,"reset_after_ns":n}: retry_after_ns is
null if it can never pass, and 2^63-1 stands for that and more. A line that cannot be answered, an empty one too,
answers {"error":"..."} and changes nothing.

Example:
  printf '%s\n' '{"op":"new","capacity":3,"tokens":10,"period_ns":1000000000}' '{"op":"take","t":0,"cost":3}' | sluice eval

Exit code: 0 at the end of the input, 2 if it cannot be read or an answer cannot be written.)";

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Cuts what is read into lines. A line above the bound is answered once, and its bytes are not kept.
class Lines {
 public:
  explicit Lines(Evaluator& evaluator) : evaluator_(evaluator) {}

  bool feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      const auto part = bytes.substr(0, end);
      if (line_.size() + part.size() > Evaluator::kLineBytesMax) too_long_ = true;
      if (too_long_)
        line_.clear();
      else
        line_ += part;
      if (end == std::string_view::npos) return true;
      if (!answer()) return false;
      bytes.remove_prefix(end + 1);
    }
    return true;
  }
  /// The last line may lack its end.
  bool finish() { return (line_.empty() && !too_long_) || answer(); }

 private:
  bool answer() {
    const std::string text = too_long_ ? Evaluator::line_too_long() : evaluator_.answer(line_);
    line_.clear();
    too_long_ = false;
    return write_all(text + '\n');
  }

  Evaluator& evaluator_;
  std::string line_;
  bool too_long_ = false;
};

int run() {
  const auto fail = [](const char* where) {
    std::fprintf(stderr, "sluice eval: %s: %s\n", where, std::strerror(errno));
    return 2;
  };
  Evaluator evaluator;
  Lines lines(evaluator);
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const auto n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("standard input");
    const bool written = n == 0 ? lines.finish() : lines.feed({buffer.data(), static_cast<std::size_t>(n)});
    if (!written) return fail("standard output");
    if (n == 0) return 0;
  }
}

}  // namespace

void add_eval(CLI::App& program, int& exit_code) {
  auto* const command = program.add_subcommand(
      "eval", "Answer JSON lines about one bucket, in given time: for conformance tests");
  command->footer(kFooter);
  command->callback([&exit_code] { exit_code = run(); });
}

}  // namespace sluice::cli
