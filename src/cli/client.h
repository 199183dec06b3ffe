// client.h: a blocking client of a running server, for the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/way.h"
#include "net/address.h"
#include "sluice/result.h"
#include "sluice/time.h"

namespace sluice::cli {

struct Reply {
  enum class Kind : std::uint8_t { null, text, integer, error, list };
  Kind kind = Kind::null;
  std::string text;         ///< text (a double's, too), error; integer: its digits; a boolean's is 1 or 0.
  std::vector<Reply> list;  ///< Of a map: each name and its value.

  /// Of a map. Null: it has no such name.
  const Reply* find(std::string_view name) const;
};

class RespClient {
 public:
  /// Gives the way's secret by AUTH, if there is one. `timeout` bounds connecting and each reply.
  static Result<RespClient> connect(const net::Address& address, const Way& way, Duration timeout);
  /// From now on replies are RESP3's.
  Status speak_resp3();
  /// An error reply comes as an Error, with_mend().
  Result<Reply> call(const std::vector<std::string>& arguments);

 private:
  explicit RespClient(net::Client client) : client_(std::move(client)) {}
  Result<std::string> line();
  Status fill();
  Result<Reply> reply(int depth);

  net::Client client_;
  std::string in_;
};

/// An error in the server's words, with the mend where it asks for a password or a token.
std::string with_mend(std::string error);

/// A request as RESP writes it.
std::string resp_request(const std::vector<std::string>& arguments);

/// The body of `GET path` if the answer is 200.
Result<std::string> http_get(const net::Address& address, std::string_view path, Duration timeout,
                             const Way& way);

}  // namespace sluice::cli
