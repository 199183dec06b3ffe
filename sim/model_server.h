// model_server.h: a Redis server as the shared store needs one: keys with times to live, the script, replies.
// It reads the very bytes that the store writes, and does what script.lua does, in whole numbers of 128 bits;
// a test holds the two together against a real server. Time is its own clock's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "redis/node.h"
#include "sluice/ticks.h"

namespace sluice::sim {

class ModelServer {
 public:
  struct Entry {
    std::string value;
    std::int64_t expires_us = 0;
  };
  using Data = std::map<std::string, Entry, std::less<>>;

  /// A reply that owns its text.
  struct Answer {
    std::vector<redis::Element> elements;
    std::vector<std::string> texts;
  };

  /// What a step did: tokens are not known here, `times` of one cost are. Of a give-back: what is left of it.
  using Watch = std::function<void(std::string_view key, int what, double cost_us, double cost_ticks,
                                   double per_us, std::int64_t times, std::int64_t now_us)>;

  /// Runs one command, `EVAL` or `EVALSHA`, as the store writes it. Anything else is an error reply.
  Answer run(std::string_view command, std::int64_t now_us);

  Data& data() { return data_; }
  void give_back_twice() { gives_back_twice_ = true; }  ///< Planted.
  void give_back_all() { gives_back_all_ = true; }      ///< The same: of what time has refilled, too.
  void forget_script() { has_script_ = false; }
  void watch(Watch watch) { watch_ = std::move(watch); }

 private:
  struct Bucket;
  struct Step;
  static std::int64_t take(Bucket& bucket, const Step& step, std::int64_t most_times);
  static Int128 left_to_give_back(const Bucket& bucket, const Step& step);
  static std::int64_t apply(Bucket& bucket, const Step& step, std::int64_t times);
  void together(std::vector<Bucket>& buckets, const std::vector<Step>& chain);
  void tell(const Bucket& bucket, const Step& step, std::int64_t times, std::int64_t now_us) const;

  Data data_;
  bool has_script_ = false;
  bool gives_back_twice_ = false, gives_back_all_ = false;
  Watch watch_;
  std::int64_t now_us_ = 0;
};

}  // namespace sluice::sim
