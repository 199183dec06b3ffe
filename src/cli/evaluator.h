// evaluator.h: `sluice eval` without its pipes: one line of JSON in, one out. The grammar is in the help of
// the subcommand (eval_command.cc).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/bucket.h"

namespace sluice::cli {

class Evaluator {
 public:
  static constexpr std::size_t kLineBytesMax = 64 * 1024;

  Evaluator();
  ~Evaluator();
  /// The answer to one line, both without their ends. A line that is answered with an error changed nothing.
  std::string answer(std::string_view line);
  static std::string line_too_long();

 private:
  struct Parser;
  struct Request;
  Result<std::string> run(std::string_view line);
  Result<std::string> run_new(const Request& request);
  Result<std::string> run_on_bucket(const Request& request, std::string_view op);
  Bucket& bucket_at(Time now);

  const std::unique_ptr<Parser> parser_;
  std::optional<Quota> quota_;
  std::optional<Bucket> bucket_;  // From its first use on, since it is full then.
  Time latest_{};                 // The latest time seen; of no meaning before the first use.
};

}  // namespace sluice::cli
