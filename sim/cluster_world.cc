#include "cluster_world.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "net.h"
#include "redis/key_slot.h"
#include "store/local/local_store.h"
#include "store/shared/shared_store.h"
#include "wire/resp_parser.h"

namespace sluice::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using store::Ask;

constexpr Duration kDeadline = milliseconds(20);
constexpr std::size_t kAsksMax = 2000;
constexpr std::size_t kServers = 3;
const char* const kQuotas[] = {"1000/s burst 50", "7/min burst 3", "20/s", "100/3s burst 10", "1/h burst 50"};

std::vector<std::string> keys_of(std::string_view command) {
  wire::RespParser parser({});
  (void)parser.feed(command);
  const auto args = parser.args();
  std::vector<std::string> keys;
  for (std::size_t n = std::stoul(std::string(args[2])), i = 0; i < n; ++i) keys.emplace_back(args[3 + i]);
  return keys;
}

/// Who has which slot, and which are on their way.
struct Slots {
  struct Move {
    std::size_t from, to;
  };
  std::map<std::uint16_t, std::size_t> owner;
  std::map<std::uint16_t, Move> moves;

  static std::string redirect(const char* how, std::uint16_t slot, std::size_t server) {
    return std::string(how) + " " + std::to_string(slot) + " 127.0.0.1:" + std::to_string(7000 + server);
  }
  /// As a real server's.
  std::string gate(std::size_t server, const ModelServer::Data& data, std::string_view command,
                   bool asking) const {
    const auto keys = keys_of(command);
    if (keys.empty()) return "";
    const std::uint16_t slot = redis::slot_of(keys.front());
    for (const auto& key : keys)
      if (redis::slot_of(key) != slot) return "CROSSSLOT Keys in request don't hash to the same slot";
    const auto there = std::ranges::count_if(keys, [&](const auto& key) { return data.contains(key); });
    const bool all = there == static_cast<std::ptrdiff_t>(keys.size());
    const auto move = moves.find(slot);
    if (owner.at(slot) == server) {
      if (move == moves.end() || all) return "";
      return there == 0 ? redirect("ASK", slot, move->second.to)
                        : "TRYAGAIN Multiple keys request during rehashing of slot";
    }
    if (move != moves.end() && move->second.to == server && asking)
      return all || keys.size() == 1 ? "" : "TRYAGAIN Multiple keys request during rehashing of slot";
    return redirect("MOVED", slot, owner.at(slot));
  }
};

/// One instance's connections, and what it believes of the slots.
class Connections final : public store::Nodes {
 public:
  Connections(Events& events, Random& random, std::deque<Server>& servers, const Slots& slots,
              Link::Faults faults)
      : view_(slots.owner) {
    for (Server& server : servers) links_.emplace_back(*this, events, random, server, faults);
  }
  std::size_t server_of(std::uint16_t slot) const override { return view_.at(slot); }
  bool serves(std::size_t) const override { return true; }
  redis::Node& node(std::size_t server) override { return links_[server]; }
  Link& link(std::size_t server) { return links_[server].link; }
  void on_change(std::function<void()> what) {
    changed_ = what;
    for (auto& way : links_) way.link.on_other_server(what);
  }

 private:
  struct Way final : redis::Node {
    Way(Connections& a, Events& events, Random& random, Server& server, Link::Faults faults)
        : all(a), link(events, random, server, faults) {}
    bool up() const override { return link.up(); }
    void send(std::string_view command, redis::Caller& caller) override { link.send(command, caller); }
    void send_in(std::uint16_t slot, std::string_view command, redis::Caller& caller) override {
      all.send(slot, command, caller);
    }
    Connections& all;
    Link link;
  };
  /// A command that may be told to go elsewhere.
  struct Follower final : redis::Caller {
    void replied(redis::Reply reply) override {
      const std::string_view text = reply.front().text;
      const auto to = [&] { return static_cast<std::size_t>(text.back() - '0'); };
      if (reply.front().kind == redis::Element::Kind::error && text.starts_with("MOVED ")) {
        if (std::exchange(all->view_[slot], to()) != to() && all->changed_) all->changed_();
      } else if (reply.front().kind == redis::Element::Kind::error && text.starts_with("ASK ")) {
        Link& link = all->link(to());
        if (link.up()) return link.send(command, *this, true);
      }
      end().replied(reply);
    }
    void lost(redis::Loss loss, std::string_view why) override { end().lost(loss, why); }
    redis::Caller& end() {
      all->spare_.push_back(this);
      return *caller;
    }
    Connections* all = nullptr;
    redis::Caller* caller = nullptr;
    std::uint16_t slot = 0;
    std::string command;
  };

  void send(std::uint16_t slot, std::string_view command, redis::Caller& caller) {
    if (spare_.empty()) spare_.push_back(&followers_.emplace_back());
    Follower& follower = *spare_.back();
    spare_.pop_back();
    follower.all = this, follower.caller = &caller, follower.slot = slot, follower.command = command;
    link(view_.at(slot)).send(follower.command, follower);
  }

  std::map<std::uint16_t, std::size_t> view_;
  std::deque<Way> links_;
  std::deque<Follower> followers_;
  std::vector<Follower*> spare_;
  std::function<void()> changed_;
};

/// One bucket.
struct Count {
  std::int64_t charged = 0;  // Tokens.
  Int128 given_back = 0;     // Ticks.
  std::int64_t give_backs = 0;
  std::int64_t told = 0;      // Tokens that clients were granted.
  std::int64_t doubtful = 0;  // Of requests that were decided without the store.
  std::int64_t lost = 0;      // Whose charge a failover has lost.
  std::int64_t backed_up = 0;
  Int128 ahead = 0;  // Ticks, of an ideal bucket of what was told.
  Time latest{};
};

class ClusterWorld {
 public:
  explicit ClusterWorld(const ClusterPlan& plan) : plan_(plan), random_(plan.seed) {
    const auto limits = 2 + below(random_, 4);
    for (std::int64_t i = 0; i < limits; ++i)
      for (std::size_t q = 0, n = 1 + static_cast<std::size_t>(below(random_, 3)); q < n; ++q) {
        quotas_.push_back(*Quota::parse(kQuotas[below(random_, std::size(kQuotas))]));
        families_.emplace_back("limit" + std::to_string(i), q);
        std::string key;
        store::append_bucket_key(families_.back(), kKey, key);
        index_[key] = quotas_.size() - 1;
        slots_.owner.try_emplace(redis::slot_of(key), static_cast<std::size_t>(below(random_, kServers)));
      }
    counts_.resize(quotas_.size());
    for (std::size_t s = 0; s < kServers; ++s) {
      Server& server = servers_.emplace_back(events_);
      server.clock_offset_us = below(random_, 3'000'000);  // No two servers' clocks agree.
      server.gate = [this, s](std::string_view command, bool asking) {
        return slots_.gate(s, servers_[s].model.data(), command, asking);
      };
      server.model.watch([this](auto... args) { stepped(args...); });
      if (plan.plant_twice) server.model.give_back_twice();
      if (plan.plant_no_evaporation) server.model.give_back_all();
      replicas_.emplace_back();
    }
    const auto instances = plan.alone ? 1 : 1 + below(random_, 3);
    for (std::int64_t i = 0; i < instances; ++i) instances_.push_back(std::make_unique<Instance>(*this));
  }

  ClusterOutcome go() {
    begin_ = events_.now();
    const Time calm = begin_ + Duration(static_cast<std::int64_t>(plan_.seconds * 1e9));
    for (auto& instance : instances_)
      traffic(events_, random_, calm + milliseconds(1500), [this, i = instance.get()] { ask(*i); });
    if (plan_.faults) trouble(calm);
    if (plan_.moves) move_slots(calm);
    if (plan_.failovers) {
      replicate(calm);
      fail_over(calm);
    }
    run_until(calm);
    calm_since_ = events_.now();
    for (auto& server : servers_) server.refuses.clear();
    for (auto& instance : instances_)
      for (std::size_t s = 0; s < kServers; ++s) instance->nodes.link(s).calm();
    run_until(calm + milliseconds(1000));
    strict_ = true;  // From here on nothing may be degraded.
    run_until(calm + milliseconds(3000));
    if (out_.violation.empty() && open_ > 0) violate(std::to_string(open_) + " batches were never answered");
    if (!plan_.faults && !plan_.failovers) all_given_back();
    for (const auto& instance : instances_) {
      const auto stats = instance->store.stats();
      out_.spread += stats.spread.chains, out_.given_back += stats.spread.given_back,
          out_.lost += stats.spread.lost;
      out_.again += stats.lane.again;
    }
    return out_;
  }

 private:
  struct Request final : store::Completion {
    ClusterWorld* world = nullptr;
    std::vector<Ask> asks;
    std::vector<Decision> decisions;
    std::vector<std::size_t> bucket;
    store::Batch batch;
    Time asked{};
    int answers = 0;
    void decided() override { world->decided(*this); }
  };

  struct Instance {
    explicit Instance(ClusterWorld& world)
        : nodes(world.events_, world.random_, world.servers_, world.slots_,
                {.delay_us_max = 50 + below(world.random_, 2000),
                 .slow_one_in = world.plan_.faults && one_in(world.random_, 2) ? 200 : 0}),
          fallback(local, 4),
          store(nodes, fallback,
                {.lane = {.deadline = kDeadline,
                          .asks_max = kAsksMax,
                          .calls_max = 1 + static_cast<std::size_t>(below(world.random_, 8))},
                 .refusals_max = 64,
                 .told_max = world.plan_.plant_no_floors ? std::size_t{0} : 1024,
                 .seed = world.random_(),
                 .now = [&world] { return world.events_.now(); },
                 .chance = [&world] { return static_cast<double>(below(world.random_, 1000)) / 1000; },
                 .wake_at =
                     [&world, this](Time when) {
                       world.events_.at(when, [&world, this] { store.wake(world.events_.now()); });
                     }}) {
      nodes.on_change([this] { store.server_changed(); });
    }
    store::LocalStore local{{.max_keys = 1 << 10, .seed = 1}};
    Connections nodes;
    store::Fallback fallback;
    store::SharedStore store;
  };

  static constexpr std::string_view kKey = "k";

  void violate(std::string what) {
    if (out_.violation.empty())
      out_.violation = what + " at " + std::to_string((events_.now() - begin_).count() / 1000) + " us";
  }

  void run_until(Time until) {
    while (out_.violation.empty() && events_.step(until))
      for (const auto& instance : instances_)
        if (instance->store.stats().outstanding > kAsksMax) violate("more asks are outstanding than allowed");
  }

  /// A server has run a step.
  void stepped(std::string_view key, int what, double cost_us, double cost_ticks, double per_us,
               std::int64_t times, std::int64_t) {
    const std::size_t i = index_.at(std::string(key));
    Count& count = counts_[i];
    const Int128 cost =
        (static_cast<Int128>(cost_us) * static_cast<Int128>(per_us) + static_cast<Int128>(cost_ticks)) *
        times;
    if (what == 1) count.charged += static_cast<std::int64_t>(cost / quotas_[i].wide().per_token);
    if (what == 5) {
      count.given_back += cost, ++count.give_backs;
      once(i);
    }
  }

  /// What was charged is granted or given back.
  void once(std::size_t i) {
    const Int128 token = quotas_[i].wide().per_token;
    if (counts_[i].told * token + counts_[i].given_back > counts_[i].charged * token)
      violate("more was granted and given back than was charged of " + quotas_[i].text());
  }

  void all_given_back() {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const Rate<Int128>& rate = quotas_[i].wide();
      const Int128 kept = (counts_[i].charged - counts_[i].told) * rate.per_token - counts_[i].given_back;
      const Int128 refilled = duration_to_ticks(rate, milliseconds(40)) * counts_[i].give_backs;
      const Int128 doubtful = counts_[i].doubtful * rate.per_token;
      if (kept > refilled + doubtful)
        violate("what was not granted was not given back, of " + quotas_[i].text());
    }
  }

  void ask(Instance& instance) {
    auto& request = *requests_.emplace_back(std::make_unique<Request>());
    request.world = this;
    request.asked = events_.now();
    for (auto chains = 1 + below(random_, 6); chains > 0; --chains) {
      const Op op = one_in(random_, 8)    ? Op::peek
                    : one_in(random_, 8)  ? Op::take_up_to
                    : one_in(random_, 16) ? Op::reserve
                                          : Op::take;
      for (auto left = 1 + below(random_, 4); left > 0; --left) {
        const auto i = static_cast<std::size_t>(below(random_, static_cast<std::int64_t>(quotas_.size())));
        const auto amount = one_in(random_, 50)  ? quotas_[i].capacity() + 1
                            : one_in(random_, 4) ? 1 + below(random_, quotas_[i].capacity())
                                                 : 1;
        request.asks.push_back({.key = kKey,
                                .family = &families_[i],
                                .quota = &quotas_[i],
                                .amount = amount,
                                .op = op,
                                .with_next = left > 1});
        request.bucket.push_back(i);
      }
    }
    request.decisions.resize(request.asks.size());
    request.batch = {request.asks, request.decisions, events_.now()};
    ++out_.requests, ++open_;
    instance.store.decide(request.batch, request);
  }

  void decided(Request& request) {
    if (++request.answers > 1) violate("a batch was answered twice");
    --open_;
    if (events_.now() > request.asked + kDeadline + microseconds(1))
      violate("an answer came after its deadline");
    for (std::size_t at = 0; at < request.asks.size();) {
      std::size_t end = at + 1;
      while (request.asks[end - 1].with_next) ++end;
      whole(request, at, end);
      for (; at < end; ++at) told(request, at);
    }
    request.asks.clear();
  }

  /// All or nothing.
  void whole(const Request& request, std::size_t at, std::size_t end) {
    bool all = true, some = false, degraded = false;
    for (std::size_t j = at; j < end; ++j) {
      const Decision& d = request.decisions[j];
      all &= d.allowed(), some |= d.granted > 0, degraded |= d.origin == Origin::degraded;
    }
    if (!all && some) violate("a part of what was refused was granted");
    if (request.asks[at].op == Op::peek) return;  // Each bucket tells what it can.
    for (std::size_t j = at; j < end; ++j)
      if ((request.decisions[j].origin == Origin::degraded) != degraded) violate("a part alone is degraded");
  }

  void told(const Request& request, std::size_t j) {
    const Decision& d = request.decisions[j];
    const Ask& ask = request.asks[j];
    Count& count = counts_[request.bucket[j]];
    (d.allowed() ? out_.granted : out_.refused) += 1;
    if (d.origin == Origin::degraded) {
      ++out_.degraded;
      if (strict_ && request.asked > calm_since_ + milliseconds(1000))
        violate("a decision was degraded with nothing amiss");
      if (ask.op != Op::peek) count.doubtful += std::min(ask.amount, ask.quota->capacity());
      return;
    }
    count.told += d.granted;
    once(request.bucket[j]);
    const Rate<Int128>& rate = ask.quota->wide();
    count.ahead = std::max<Int128>(count.ahead - duration_to_ticks(rate, events_.now() - count.latest), 0);
    count.latest = events_.now();
    if (ask.op == Op::reserve) return;  // Of the present alone: what is due later is none of it.
    count.ahead += d.granted * rate.per_token;
    // It was charged up to a deadline ago; a server whose clock runs otherwise took over, or a slot came to
    // it.
    const Int128 late =
        duration_to_ticks(rate, 2 * kDeadline + (clocks_mix_ ? milliseconds(3500) : milliseconds(0)));
    if (count.ahead > rate.full + late + (plan_.failovers ? count.lost * rate.per_token : 0))
      violate("more was granted than one bucket of " + ask.quota->text());
  }

  void trouble(Time until) {
    events_.after(milliseconds(20 + below(random_, 400)), [this, until] {
      if (events_.now() >= until) return;
      auto& nodes =
          instances_[static_cast<std::size_t>(below(random_, static_cast<std::int64_t>(instances_.size())))]
              ->nodes;
      const auto s = static_cast<std::size_t>(below(random_, kServers));
      switch (below(random_, 5)) {
        case 0:
          nodes.link(s).cut(milliseconds(below(random_, 100)));
          break;
        case 1:
          servers_[s].hangs_until = events_.now() + milliseconds(below(random_, 150));
          break;
        case 2:
          servers_[s].model.forget_script();
          break;
        case 3:
          refuse(s, "LOADING Redis is loading the dataset in memory");
          break;
        default:
          refuse(s, "CLUSTERDOWN The cluster is down");
          break;
      }
      trouble(until);
    });
  }

  void refuse(std::size_t s, std::string error) {
    servers_[s].refuses = std::move(error);
    events_.after(milliseconds(below(random_, 200)), [this, s] { servers_[s].refuses.clear(); });
  }

  /// Slots go, key by key.
  void move_slots(Time until) {
    clocks_mix_ = true;
    events_.after(milliseconds(5 + below(random_, 100)), [this, until] {
      if (events_.now() >= until) return;
      auto it = slots_.owner.begin();
      std::advance(it, below(random_, static_cast<std::int64_t>(slots_.owner.size())));
      if (!slots_.moves.contains(it->first)) {
        const auto to = (it->second + 1 + static_cast<std::size_t>(below(random_, kServers - 1))) % kServers;
        slots_.moves[it->first] = {it->second, to};
        move_a_key(it->first);
      }
      move_slots(until);
    });
  }

  void move_a_key(std::uint16_t slot) {
    events_.after(microseconds(500 + below(random_, 20'000)), [this, slot] {
      const auto move = slots_.moves.at(slot);
      auto& from = servers_[move.from].model.data();
      const auto it =
          std::ranges::find_if(from, [&](const auto& e) { return redis::slot_of(e.first) == slot; });
      if (it != from.end()) {
        ModelServer::Entry entry = it->second;
        entry.expires_us += servers_[move.to].clock_offset_us - servers_[move.from].clock_offset_us;
        servers_[move.to].model.data()[it->first] = entry;
        from.erase(it);
        return move_a_key(slot);
      }
      slots_.owner[slot] = move.to;
      slots_.moves.erase(slot);
    });
  }

  /// The replicas hear of the primaries' writes, later.
  void replicate(Time until) {
    events_.after(milliseconds(1 + below(random_, 40)), [this, until] {
      for (std::size_t s = 0; s < kServers; ++s) replicas_[s] = servers_[s].model.data();
      for (Count& count : counts_) count.backed_up = count.charged;
      if (events_.now() < until) replicate(until);
    });
  }

  void fail_over(Time until) {
    events_.after(milliseconds(100 + below(random_, 500)), [this, until] {
      if (events_.now() >= until) return;
      const auto s = static_cast<std::size_t>(below(random_, kServers));
      servers_[s].model.data() = replicas_[s];
      servers_[s].model.forget_script();
      ++servers_[s].id;
      for (std::size_t i = 0; i < counts_.size(); ++i) {
        std::string key;
        store::append_bucket_key(families_[i], kKey, key);
        if (slots_.owner.at(redis::slot_of(key)) == s)
          counts_[i].lost += counts_[i].charged - std::exchange(counts_[i].backed_up, counts_[i].charged);
      }
      for (auto& instance : instances_) instance->nodes.link(s).cut(milliseconds(1 + below(random_, 30)));
      fail_over(until);
    });
  }

  const ClusterPlan plan_;
  Events events_;
  Random random_;
  std::deque<Server> servers_;
  std::deque<ModelServer::Data> replicas_;
  Slots slots_;
  std::vector<Quota> quotas_;
  std::deque<store::Family> families_;
  std::map<std::string, std::size_t> index_;
  std::vector<Count> counts_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<std::unique_ptr<Instance>> instances_;
  std::int64_t open_ = 0;
  bool strict_ = false, clocks_mix_ = false;
  Time begin_{}, calm_since_{};
  ClusterOutcome out_;
};

}  // namespace

ClusterOutcome run(const ClusterPlan& plan) { return ClusterWorld(plan).go(); }

}  // namespace sluice::sim
