// terminal.h: a person at the keyboard, if there is one.
#pragma once

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>

#include "sluice/time.h"

namespace sluice::cli {

/// Keys come one by one and unechoed while this lives, Ctrl-C among them: it would leave the terminal so.
class RawTerminal {
 public:
  RawTerminal() : is_(::isatty(0) == 1 && ::tcgetattr(0, &before_) == 0) {
    if (!is_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    ::tcsetattr(0, TCSANOW, &raw);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (is_) ::tcsetattr(0, TCSANOW, &before_);
  }
  /// Waits for `time` at most; the key that was typed, or 0; q if the terminal is gone.
  char key_within(Duration time) const {
    const Time until = Clock::now() + time;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return 0;
      pollfd in{.fd = is_ ? 0 : -1, .events = POLLIN, .revents = 0};
      char c = 0;
      if (::poll(&in, 1, static_cast<int>(std::min<long>(left, 1'000'000))) > 0)
        return ::read(0, &c, 1) == 1 ? c : 'q';
    }
  }

 private:
  termios before_{};
  const bool is_;
};

}  // namespace sluice::cli
