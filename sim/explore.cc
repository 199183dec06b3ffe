#include "explore.h"

#include <array>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "sluice/quota.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::sim {

namespace {

constexpr Time kBegin{std::chrono::hours(1)};

/// All of it are whole numbers of one size, so that equal states are equal bytes.
struct Instance {
  enum Way : std::int64_t { idle, asked, ran };
  store::Lease lease;
  std::int64_t way = idle;  // Of its one call.
  std::int64_t wanted = 0;  // Tokens ahead; 0: one for now.
  std::int64_t sent = 0, call_server = 0;
  std::int64_t granted = 0, tat = 0;               // What the reply says.
  std::int64_t floor = 0;                          // Offered by the call.
  std::int64_t told = 0, told_by = 0, server = 0;  // The latest TAT, whose, and who it takes for the server.
};

struct State {
  std::int64_t now = 0;  // Ticks, which are nanoseconds here.
  std::int64_t tat = 0, replica = 0;
  std::int64_t server = 0;
  std::int64_t lost = 0;   // Ticks.
  std::int64_t ideal = 0;  // TAT of the one bucket that grants what was granted.
  std::array<Instance, 2> instances;
};
static_assert(std::has_unique_object_representations_v<State>);

class Explorer {
 public:
  explicit Explorer(const Exploration::Plan& plan) : plan_(plan) {}

  Exploration run() {
    visit({});
    out_.states = seen_.size();
    return out_;
  }

 private:
  void visit(State s) {
    if (!out_.violation.empty() || !is_new(s)) return;
    if (s.now < plan_.steps * kStep) step("time passes", s, [&](State& n) { n.now += kStep; });
    if (s.replica != s.tat) step("the replica hears", s, [](State& n) { n.replica = n.tat; });
    if (plan_.failover && s.server == 0)
      step("the replica takes over", s, [](State& n) {
        n.lost = std::max(n.tat, n.now) - std::max(n.replica, n.now);
        n.tat = n.replica;
        n.server = 1;
      });
    for (std::size_t i = 0; i < 2; ++i) visit_instance(s, i);
  }

  void visit_instance(const State& s, std::size_t i) {
    const Instance& one = s.instances[i];
    const std::string_view name = i == 0 ? "A " : "B ";
    const auto act = [&](const char* what, auto&& change) {
      step(std::string(name) + what, s, [&](State& n) { change(n, n.instances[i]); });
    };
    if (one.way == Instance::idle) {
      act("asks for one", [](State& n, Instance& me) { ask(n, me, 0); });
      if (one.lease.parts() < 2) act("asks for two ahead", [](State& n, Instance& me) { ask(n, me, 2); });
    }
    if (one.way == Instance::asked) {
      if (one.call_server == s.server) act("is decided", [&](State& n, Instance& me) { decide(n, me); });
      act("loses its call", [](State&, Instance& me) { done(me); });
    }
    if (one.way == Instance::ran) {
      act("hears", [&](State&, Instance& me) { hear(me); });
      act("loses its reply", [](State&, Instance& me) { done(me); });
    }
    if (one.server != s.server)
      act("hears of the other server", [](State& n, Instance& me) {
        me.server = n.server;
        me.lease.clear();
        if (me.way != Instance::idle) done(me);
      });
    store::Lease lease = one.lease;
    if (lease.take(rate_, 1, kBegin + Duration(s.now), drift()))
      act("spends one", [&](State& n, Instance& me) {
        me.lease = lease;
        grant(n, 1);
      });
  }

  static void ask(State& n, Instance& me, std::int64_t wanted) {
    me.way = Instance::asked;
    me.wanted = wanted;
    me.sent = n.now;
    me.call_server = me.server;
    me.floor = me.told_by != me.server ? me.told : 0;
  }
  static void done(Instance& me) {
    me.way = Instance::idle;
    me.wanted = me.sent = me.call_server = me.granted = me.tat = me.floor = 0;
  }

  void decide(State& n, Instance& me) {
    if (plan_.floors) n.tat = std::max(n.tat, me.floor);
    const std::int64_t ahead = std::max<std::int64_t>(n.tat - n.now, 0);
    const auto s = sluice::step(rate_, Op::take_up_to, me.wanted == 0 ? 1 : me.wanted, ahead);
    if (s.changed) n.tat = n.now + s.ahead;
    if (me.wanted == 0) grant(n, s.granted);
    me.way = Instance::ran;
    me.granted = s.granted;
    me.tat = n.tat;
    me.floor = n.now;  // From here on: when it ran.
  }

  void hear(Instance& me) {
    me.told = me.tat;
    me.told_by = me.call_server;
    if (me.wanted > 0 && me.granted > 0)
      me.lease.add(rate_, me.granted, me.tat - me.floor, kBegin + Duration(me.sent));
    done(me);
  }

  void grant(State& n, std::int64_t tokens) {
    if (tokens == 0) return;
    n.ideal = std::max(n.ideal, n.now) + tokens * rate_.per_token;
  }

  template <class Change>
  void step(std::string what, const State& s, Change&& change) {
    if (!out_.violation.empty()) return;
    State n = s;
    change(n);
    path_.push_back(std::move(what));
    if (n.ideal - n.now > rate_.full + (plan_.lost_counts ? n.lost : 0)) {
      for (const auto& did : path_) out_.violation += did + "; ";
      out_.violation += "one bucket would not have granted that";
    } else {
      visit(n);
    }
    path_.pop_back();
  }

  /// What differs only in what is over, or in which of the two is called A, is the same.
  bool is_new(State& s) {
    s.tat = std::max(s.tat, s.now), s.replica = std::max(s.replica, s.now),
    s.ideal = std::max(s.ideal, s.now);
    if (!plan_.failover || s.server > 0) s.replica = s.tat;
    for (Instance& one : s.instances) {
      (void)one.lease.usable(rate_, kBegin + Duration(s.now), drift());
      if (one.lease.parts() == 0) one.lease = {};
      if (one.told <= s.now || !plan_.failover) one.told = one.told_by = 0;
    }
    auto& [a, b] = s.instances;
    if (std::memcmp(&a, &b, sizeof a) > 0) std::swap(a, b);
    const auto h = XXH3_128bits(&s, sizeof s);
    return seen_.insert(h.low64 ^ (h.high64 * 0x9E3779B97F4A7C15)).second;
  }

  store::Lease::Drift drift() const {
    return {.ppm = plan_.evaporation ? 0 : -1'000'000, .margin = Duration{0}};
  }

  const Exploration::Plan plan_;
  const Quota quota_ = *Quota::parse("1000000/s burst " + std::to_string(plan_.capacity));
  const Rate<std::int64_t>& rate_ = quota_.narrow();
  static constexpr std::int64_t kStep = 500;  // Half an interval.
  Exploration out_;
  std::unordered_set<std::uint64_t> seen_;
  std::vector<std::string> path_;
};

}  // namespace

Exploration explore(const Exploration::Plan& plan) { return Explorer(plan).run(); }

}  // namespace sluice::sim
