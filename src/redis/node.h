// node.h: one Redis or Valkey server, as those see it who have commands for it. A node answers commands in
// their order and loses them in their order; which of the two is known, of each, exactly once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::redis {

/// One element of a reply, in the order of its bytes: an array is its header and then its elements. Views are
/// valid until the handler returns.
struct Element {
  enum class Kind : std::uint8_t {
    null,
    integer,
    text,   ///< Simple, bulk, verbatim strings, big numbers and doubles, as they are written.
    error,  ///< `text` is "CODE message". Inside an array too.
    array,  ///< `integer` elements follow; sets and pushes alike. Of a map twice as many as it has entries.
    boolean,
  };
  Kind kind = Kind::null;
  std::int64_t integer = 0;
  std::string_view text;
};
using Reply = std::span<const Element>;  ///< At least one element.

/// What is known of a command that got no reply.
enum class Loss : std::uint8_t {
  not_sent,  ///< No byte of it left this process: it did not run and may be given to another.
  unknown,   ///< It may have run: to repeat it could charge twice.
};

class Caller {
 public:
  /// An error reply is a reply.
  virtual void replied(Reply reply) = 0;
  virtual void lost(Loss loss, std::string_view why) = 0;

 protected:
  ~Caller() = default;
};

class Node {
 public:
  virtual ~Node() = default;
  /// Connected, greeted and ready for commands. One that is not fails every send at once with not_sent.
  virtual bool up() const = 0;
  /// Sends one command (command.h). `caller` hears of it once, possibly before this returns, and must stay
  /// until then.
  virtual void send(std::string_view command, Caller& caller) = 0;
  /// The same, of a command whose keys are all of one Cluster slot (key_slot.h), wherever that is now.
  virtual void send_in(std::uint16_t slot, std::string_view command, Caller& caller) {
    (void)slot;
    send(command, caller);
  }
};

}  // namespace sluice::redis
