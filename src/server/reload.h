// reload.h: keeps the limits, the tokens and the policies in force equal to their files. What is not valid
// never replaces what is: it costs one log line, with place and mend, and moves a counter. Buckets are found
// by name, so a reload loses none of their state.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.h"
#include "policy/current.h"
#include "policy/policy_yaml.h"
#include "server/doors.h"
#include "server/watch.h"

namespace sluice::server {

/// A file that is read whole and at once: of named limits, of tokens.
class Reload {
 public:
  struct Of {
    const char* what;                      ///< In the log: limits, tokens.
    std::atomic<std::uint64_t>& reloads;   ///< Where files taken over count,
    std::atomic<std::uint64_t>& rejected;  ///< and those that are not valid.
    /// Reads `text`. If all is well it is in force from now on, and `count` says how many there are.
    std::function<std::vector<policy::Problem>(const std::string& text, std::size_t& count)> take_over;
  };
  /// `text` is what is in force was read from. All given by reference outlives this.
  Reload(std::string path, std::string text, Of of);

  /// Reads the file now, as on SIGHUP. False if it was refused.
  bool now() { return take(true); }
  /// Reads the file whenever it changes (watch.h).
  void watch(net::Loop& loop) { watch_.start(loop); }

 private:
  bool take(bool even_if_same);

  const std::string path_;
  const Of of_;
  std::string text_;     // Of what is in force.
  std::string refused_;  // The text or error refused last, so that one bad file is told of once.
  Watch watch_;
};

/// The folder of policies: all of its files are one set. Ten thousand rules take a tenth of a second to read,
/// so that is done on a thread of its own; what it found takes effect on the loop. Must go before its loop
/// does.
class ReloadPolicies {
 public:
  ReloadPolicies(std::string path, policy::PolicyOptions options, std::vector<policy::PolicyFile> files,
                 policy::CurrentPolicies& policies, Process& process);
  ~ReloadPolicies();

  /// Reads them now, as on SIGHUP; `done` is called on the loop once they have been. REQUIRES: watch() was
  /// called.
  void now(std::function<void()> done = {}) {
    if (done) done_.push_back(std::move(done));
    begin(true);
  }
  void watch(net::Loop& loop);

 private:
  struct Found {
    std::vector<policy::PolicyFile> files;
    policy::PolicyReading reading;
    bool same = false;  // As those in force; then nothing was read.
  };
  void begin(bool even_if_same);
  Found look(bool even_if_same) const;
  void take(Found found, bool even_if_same);
  void refuse(const std::vector<policy::Problem>& problems, bool even_if_same);

  const std::string path_;
  const policy::PolicyOptions options_;
  policy::CurrentPolicies& policies_;
  Process& process_;
  std::vector<policy::PolicyFile> files_;  // Of the set in force. Does not change while the reader runs.
  std::string refused_;                    // The problems told last.
  std::thread reader_;
  std::vector<std::function<void()>> done_;
  bool again_ = false;  // Asked to while the reader ran; and how.
  bool again_even_if_same_ = false;
  net::Loop* loop_ = nullptr;
  Watch watch_;
};

/// Tells the log of what in the policies has no effect.
void log_warnings(const std::vector<policy::Problem>& warnings);

}  // namespace sluice::server
