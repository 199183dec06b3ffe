// app.h: the one program, `sluice`.
#pragma once

namespace sluice::cli {

/// Exit codes of every subcommand: 0 allowed or done, 1 refused or (check) invalid, 2 wrong usage or an
/// error.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;
inline constexpr int kFailed = 2;

int run(int argc, char** argv);

}  // namespace sluice::cli
