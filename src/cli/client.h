// client.h: a blocking client of a running server, for the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/fd.h"
#include "sluice/result.h"
#include "sluice/time.h"

namespace sluice::cli {

struct Reply {  // RESP2.
  enum class Kind : std::uint8_t { null, text, integer, error, list };
  Kind kind = Kind::null;
  std::string text;  ///< text, error; integer: its digits.
  std::vector<Reply> list;
};

class RespClient {
 public:
  /// Gives `password` by AUTH unless it is empty. `timeout` bounds connecting and each reply.
  static Result<RespClient> connect(const net::Address& address, std::string_view password, Duration timeout);
  /// An error reply comes as an Error, with_mend().
  Result<Reply> call(const std::vector<std::string>& arguments);

 private:
  explicit RespClient(net::Fd fd) : fd_(std::move(fd)) {}
  Result<std::string> line();
  Status fill();
  Result<Reply> reply(int depth);

  net::Fd fd_;
  std::string in_;
};

/// An error in the server's words, with the mend where it asks for a password.
std::string with_mend(std::string error);

/// A request as RESP writes it.
std::string resp_request(const std::vector<std::string>& arguments);

/// The body of `GET path` if the answer is 200.
Result<std::string> http_get(const net::Address& address, std::string_view path, Duration timeout);

}  // namespace sluice::cli
