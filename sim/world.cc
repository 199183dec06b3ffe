#include "world.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "net.h"
#include "store/local/local_store.h"
#include "store/shared/shared_store.h"

namespace sluice::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using store::Ask;

constexpr Duration kDeadline = milliseconds(20);
constexpr std::size_t kAsksMax = 2000;
/// The last fault ends in itself within 200 ms, and a breaker opens for a second at most.
constexpr Duration kWellAfter = milliseconds(1200);
constexpr std::int64_t kUnanswered = -1;
const char* const kQuotas[] = {"1000/s burst 50", "7/min burst 3",      "20/s",
                               "100/3s burst 10", "999983/s burst 200", "1/h burst 5"};

const char* const kLeasedQuotas[] = {"1000/s burst 50", "2000/s burst 16", "200/s burst 100",
                                     "100/3s burst 40", "999983/s burst 2000"};

/// One bucket of the ideal: what the server grants must fit it.
struct Ideal {
  Int128 ahead = 0;  // Ticks.
  std::int64_t latest_us = 0;
  std::int64_t charged = 0;    // Tokens, net of refunds.
  std::int64_t told = 0;       // Tokens that clients were told to have, by the bucket.
  std::int64_t doubtful = 0;   // Tokens of takes whose outcome nobody knows.
  std::int64_t lost = 0;       // Tokens whose charge a failover has lost.
  std::int64_t backed_up = 0;  // `charged` when the replica heard of it last.
  std::int64_t open = 0;       // Tokens of takes that nobody has heard of yet.
  std::int64_t without = 0;    // Tokens granted without the store.
  std::int64_t repaid = 0;     // Of these those that were charged there since.
};

/// What a client was granted, when it was decided.
struct Grant {
  std::int64_t us;  // The server's time.
  std::int64_t tokens;
};

class World {
 public:
  explicit World(const Plan& plan) : plan_(plan), random_(plan.seed), server_(events_) {
    const auto keys = 1 + below(random_, 6);
    for (std::int64_t i = 0; i < keys; ++i) {
      quotas_.push_back(*Quota::parse(plan.leased ? kLeasedQuotas[below(random_, std::size(kLeasedQuotas))]
                                                  : kQuotas[below(random_, std::size(kQuotas))]));
      families_.emplace_back("limit" + std::to_string(i), 0, store::OnFailure::local,
                             plan.leased ? store::Consistency::leased : store::Consistency::strict);
      std::string key;
      store::append_bucket_key(families_.back(), kKey, key);
      index_[key] = static_cast<std::size_t>(i);
    }
    ideals_.resize(quotas_.size());
    grants_.resize(quotas_.size());
    server_.model.watch([this](auto... args) { charged(args...); });
    const auto instances = plan.alone ? 1 : 1 + below(random_, 4);
    for (std::int64_t i = 0; i < instances; ++i) instances_.push_back(std::make_unique<Instance>(*this));
  }

  Outcome go() {
    const Time begin = events_.now();
    const Time calm = begin + Duration(static_cast<std::int64_t>(plan_.seconds * 1e9));
    for (auto& instance : instances_) {
      traffic(events_, random_, calm + milliseconds(1500), [this, i = instance.get()] { ask(*i); });
      repay(*instance, calm + milliseconds(1600));
    }
    if (plan_.faults) trouble(calm);
    if (plan_.failovers) {
      replicate(calm);
      fail_over(calm);
    }
    if (plan_.plant_forgetful)
      for (int i = 1; i < 20; ++i)
        events_.at(begin + milliseconds(200 * i), [this] { server_.model.data().clear(); });
    while (out_.violation.empty() && events_.step(calm)) checked();
    settle();
    while (out_.violation.empty() && events_.step(calm + kWellAfter)) checked();
    strict_ = true;  // From here on nothing may be degraded.
    while (out_.violation.empty() && events_.step(calm + milliseconds(1500))) checked();
    events_.step(Time::max());
    while (out_.violation.empty() && events_.step(calm + milliseconds(1700))) checked();
    if (out_.violation.empty()) check_grants();
    if (out_.violation.empty()) check_repaid();
    if (out_.violation.empty() && open_ > 0) violate(std::to_string(open_) + " batches were never answered");
    for (const auto& instance : instances_) {
      const auto stats = instance->store.stats();
      out_.calls += stats.lane.calls;
      out_.repaid += stats.repaid;
    }
    return out_;
  }

 private:
  struct Instance;
  struct Request final : store::Completion {
    World* world = nullptr;
    std::vector<Ask> asks;
    std::vector<Decision> decisions;
    std::vector<std::size_t> key;
    std::vector<bool> counted;  // Its grant is in the books.
    Instance* instance = nullptr;
    std::vector<bool> refused_then;  // Whether the bucket refused it when it was asked.
    store::Batch batch;
    Time asked{};
    int answers = 0;
    void decided() override { world->decided(*this); }
  };

  struct Instance {
    explicit Instance(World& world)
        : drift_ppm(world.drift()),
          link(world.events_, world.random_, world.server_,
               {.delay_us_max = 50 + below(world.random_, 2000),
                .slow_one_in = world.plan_.faults && one_in(world.random_, 2) ? 200 : 0,
                .repeats_lost_calls = world.plan_.plant_repeat}),
          fallback(local, 4, &arrears),
          store(
              link, fallback,
              {.lane = {.deadline = kDeadline,
                        .asks_max = kAsksMax,
                        .calls_max = 1 + static_cast<std::size_t>(below(world.random_, 3)),
                        .full_max = 1 + static_cast<std::size_t>(below(world.random_, 16))},
               .refusals_max = 64,
               .told_max = world.plan_.plant_no_floors ? std::size_t{0} : 1024,
               .leases = {.entries = 64,
                          .drift = world.plan_.plant_no_evaporation ? kNoTimePasses
                                                                    : store::Lease::Drift{.ppm = kDriftPpm}},
               .seed = world.random_(),
               .now = [&world, this] { return now(world); },
               .chance = [&world] { return static_cast<double>(below(world.random_, 1000)) / 1000; },
               .wake_at =
                   [&world, this](Time when) {
                     world.events_.at(when_true(when), [&world, this] { store.wake(now(world)); });
                   }}) {
      link.on_other_server([this] { store.server_changed(); });
      if (world.plan_.leased)
        link.on_delivered([&world, this](std::int64_t ran_us) { world.count_filled(*this, ran_us); });
    }
    /// Its own clock, and back, up.
    Time now(const World& world) const {
      return kBegin + Duration((world.events_.now() - kBegin).count() * (kMillion + drift_ppm) / kMillion);
    }
    Time when_true(Time when) const {
      if (when == Time::max()) return when;
      const auto pace = kMillion + drift_ppm;
      return kBegin + Duration(((when - kBegin).count() * kMillion + pace - 1) / pace);
    }
    const std::int64_t drift_ppm;
    std::vector<Request*> open;  // Of leased limits.
    store::LocalStore local{{.max_keys = 1 << 10, .seed = 1}};
    store::Arrears arrears;
    Link link;
    store::Fallback fallback;
    store::SharedStore store;
  };

  static constexpr std::string_view kKey = "k";
  static constexpr Time kBegin{std::chrono::hours(1)};
  static constexpr std::int64_t kMillion = 1'000'000;
  static constexpr std::int64_t kDriftPpm = 2'000;
  static constexpr store::Lease::Drift kNoTimePasses{.ppm = -kMillion, .margin = Duration{0}};

  std::int64_t drift() {
    if (!plan_.leased) return 0;
    return (below(random_, 2 * kDriftPpm) - kDriftPpm) * (plan_.plant_wild_clocks ? 100 : 1) * 9 / 10;
  }

  void violate(std::string what) {
    if (out_.violation.empty())
      out_.violation =
          what + " at " +
          std::to_string((events_.now().time_since_epoch() - std::chrono::hours(1)).count() / 1000) + " us";
  }

  void checked() {
    ++out_.events;
    for (const auto& instance : instances_)
      if (instance->store.stats().outstanding > kAsksMax) violate("more asks are outstanding than allowed");
  }

  /// The server has run a step.
  void charged(std::string_view key, int what, double cost_us, double cost_ticks, double per_us,
               std::int64_t times, std::int64_t now_us) {
    if (what == 4) return;  // A floor takes nothing.
    const auto found = index_.find(std::string(key));
    if (found == index_.end()) {  // An id.
      if (plan_.plant_forgotten_ids)
        events_.after(Duration{0}, [this, id = std::string(key)] { server_.model.data().erase(id); });
      return;
    }
    const std::size_t i = found->second;
    Ideal& ideal = ideals_[i];
    const auto ticks_us = static_cast<Int128>(per_us);
    const Int128 cost = (static_cast<Int128>(cost_us) * ticks_us + static_cast<Int128>(cost_ticks)) * times;
    const auto tokens = static_cast<std::int64_t>(cost / quotas_[i].wide().per_token);
    if (now_us > ideal.latest_us) {
      ideal.ahead = std::max<Int128>(ideal.ahead - (now_us - ideal.latest_us) * ticks_us, 0);
      ideal.latest_us = now_us;
    }
    if (what == 3) {
      ideal.ahead = std::max<Int128>(ideal.ahead - cost, 0);
      return;
    }
    ideal.ahead += cost;
    if (what == 2) {  // The bucket may be in debt by it.
      ideal.repaid += tokens;
      return;
    }
    ideal.charged += tokens;
    const std::int64_t excused = !plan_.failovers ? 0
                                 : plan_.alone    ? ideal.doubtful
                                                  : ideal.doubtful + ideal.lost;
    if (ideal.ahead > quotas_[i].wide().full + excused * quotas_[i].wide().per_token)
      violate("the server granted more than one bucket of " + quotas_[i].text());
  }

  void ask(Instance& instance) {
    auto& request = *requests_.emplace_back(std::make_unique<Request>());
    request.world = this;
    request.instance = &instance;
    request.asked = events_.now();
    for (auto n = 1 + below(random_, 20); n > 0; --n) {
      const auto i = static_cast<std::size_t>(below(random_, static_cast<std::int64_t>(quotas_.size())));
      const Op op = one_in(random_, 8) ? Op::peek : one_in(random_, 8) ? Op::take_up_to : Op::take;
      const auto amount = one_in(random_, 4) ? 1 + below(random_, quotas_[i].capacity()) : 1;
      request.asks.push_back(
          {.key = kKey, .family = &families_[i], .quota = &quotas_[i], .amount = amount, .op = op});
      request.key.push_back(i);
      if (op != Op::peek) ideals_[i].open += amount;
      request.refused_then.push_back(refuses(i, request.asks.back()));
    }
    request.decisions.resize(request.asks.size());
    request.batch = {request.asks, request.decisions, instance.now(*this)};
    request.counted.resize(request.asks.size());
    if (plan_.leased) {
      for (Decision& d : request.decisions) d.granted = kUnanswered;
      instance.open.push_back(&request);
    }
    out_.asks += request.asks.size();
    ++open_;
    instance.store.decide(request.batch, request);
    if (plan_.leased && request.answers == 0) count(request, 0);  // What leases have granted, now.
  }

  void decided(Request& request) {
    if (++request.answers > 1) violate("a batch was answered twice");
    --open_;
    if (plan_.leased) {
      count(request, request.instance->link.delivering_us());
      std::erase(request.instance->open, &request);
    }
    if (events_.now() >
        request.asked + kDeadline + microseconds(1) + (plan_.leased ? kDeadline / 4 : Duration{0}))
      violate("an answer came after its deadline");
    for (std::size_t j = 0; j < request.asks.size(); ++j) {
      const Decision& d = request.decisions[j];
      const Ask& ask = request.asks[j];
      Ideal& ideal = ideals_[request.key[j]];
      (d.allowed() ? out_.granted : out_.refused) += 1;
      if (d.origin == Origin::degraded) {
        ++out_.degraded;
        ideal.without += d.granted;
        if (strict_ && request.asked > calm_since_ + kWellAfter)
          violate("a decision was degraded with nothing amiss");
        if (ask.op != Op::peek) ideal.doubtful += std::min(ask.amount, ask.quota->capacity());
      } else if (d.origin == Origin::remembered) {
        ++out_.remembered;
        if (!plan_.leased && !request.refused_then[j] && !clock_moved_ && !plan_.failovers)
          violate("a refusal from memory, where the bucket would grant");
      } else if (ask.op != Op::peek) {
        ideal.told += d.granted;
        if (d.origin == Origin::leased) ++out_.leased;
        if (ideal.told > ideal.charged) violate("more was told to be granted than was charged");
      }
      if (!plan_.leased && ideal.charged > ideal.told + ideal.doubtful + ideal.open)
        violate("more was charged than was told or is in doubt");
    }
    for (std::size_t j = 0; j < request.asks.size(); ++j)
      if (request.asks[j].op != Op::peek) ideals_[request.key[j]].open -= request.asks[j].amount;
    request.asks.clear();
    request.key.clear();
  }

  /// Enters what has been decided of a request since the last look.
  void count(Request& request, std::int64_t ran_us) {
    for (std::size_t j = 0; j < request.asks.size(); ++j) {
      const Decision& d = request.decisions[j];
      if (d.granted == kUnanswered || request.counted[j]) continue;
      request.counted[j] = true;
      if (request.asks[j].op == Op::peek || d.granted == 0) continue;
      if (d.origin == Origin::bucket) grants_[request.key[j]].push_back({ran_us, d.granted});
      if (d.origin == Origin::leased) grants_[request.key[j]].push_back({server_.clock_us(), d.granted});
    }
  }
  void count_filled(Instance& instance, std::int64_t ran_us) {
    for (Request* request : instance.open) count(*request, ran_us);
  }

  /// Over any stretch of t, at most capacity + rate * t: what one bucket would have granted.
  void check_grants() {
    for (std::size_t i = 0; i < grants_.size(); ++i) {
      std::sort(grants_[i].begin(), grants_[i].end(),
                [](const Grant& a, const Grant& b) { return a.us < b.us; });
      const auto rate = quotas_[i].wide();
      const Int128 excused = plan_.failovers ? ideals_[i].lost * rate.per_token : 0;
      Int128 ahead = 0;
      std::int64_t latest = 0;
      for (const Grant& grant : grants_[i]) {
        ahead = std::max<Int128>(ahead - (grant.us - latest) * 1000 * rate.per_ns, 0);
        latest = grant.us;
        ahead += grant.tokens * rate.per_token;
        if (ahead > rate.full + excused)
          return violate("clients were granted more than one bucket of " + quotas_[i].text() + ", at " +
                         std::to_string(grant.us) + " us of the server, seen");
      }
    }
  }

  void repay(Instance& instance, Time until) {
    events_.after(milliseconds(100), [this, &instance, until] {
      if (events_.now() >= until) return;
      instance.store.repay(instance.now(*this));
      repay(instance, until);
    });
  }

  /// What a failover has lost may have been charged again.
  void check_repaid() {
    for (const auto& instance : instances_)
      if (instance->arrears.any() || instance->arrears.tokens() != 0) violate("something is owed in the end");
    for (const Ideal& ideal : ideals_)
      if (ideal.repaid > ideal.without + ideal.lost) violate("more was charged back than was granted");
  }

  bool refuses(std::size_t key, const Ask& ask) {
    std::string name;
    store::append_bucket_key(families_[key], kKey, name);
    const auto it = server_.model.data().find(name);
    const auto rate = store::shared_rate(quotas_[key]);
    const auto value =
        store::read_value(it == server_.model.data().end() ? "" : it->second.value, server_.clock_us(), rate);
    return step(rate, ask.op == Op::peek ? Op::take : ask.op, ask.amount, value->ahead).outcome ==
           sluice::Outcome::refused;
  }

  void trouble(Time until) {
    events_.after(milliseconds(20 + below(random_, 400)), [this, until] {
      if (events_.now() >= until) return;
      Instance& one =
          *instances_[static_cast<std::size_t>(below(random_, static_cast<std::int64_t>(instances_.size())))];
      switch (below(random_, 6)) {
        case 0:
          ++out_.cuts, one.link.cut(milliseconds(below(random_, 100)));
          break;
        case 1:
          server_.hangs_until = events_.now() + milliseconds(below(random_, 150));
          break;
        case 2:
          server_.model.forget_script();
          break;
        case 3:
          refuse("LOADING Redis is loading the dataset in memory");
          break;
        case 4:
          refuse("READONLY You can't write against a read only replica.");
          break;
        default:
          if (plan_.leased) break;  // A store's clock that steps forward is outside of what leases promise.
          server_.clock_offset_us +=
              below(random_, 2) == 0 ? below(random_, 500'000) : -below(random_, 500'000);
          clock_moved_ = true;
          break;
      }
      trouble(until);
    });
  }

  /// The replica hears of the primary's writes, later.
  void replicate(Time until) {
    events_.after(milliseconds(1 + below(random_, 40)), [this, until] {
      replica_ = server_.model.data();
      for (Ideal& ideal : ideals_) ideal.backed_up = ideal.charged + ideal.repaid;
      if (events_.now() < until) replicate(until);
    });
  }

  void fail_over(Time until) {
    events_.after(milliseconds(100 + below(random_, 500)), [this, until] {
      if (events_.now() >= until) return;
      server_.model.data() = replica_;
      server_.model.forget_script();
      ++server_.id;
      for (Ideal& ideal : ideals_)
        ideal.lost +=
            ideal.charged + ideal.repaid - std::exchange(ideal.backed_up, ideal.charged + ideal.repaid);
      for (auto& instance : instances_) instance->link.cut(milliseconds(1 + below(random_, 30)));
      fail_over(until);
    });
  }

  void refuse(std::string error) {
    server_.refuses = std::move(error);
    events_.after(milliseconds(below(random_, 200)), [this] { server_.refuses.clear(); });
  }

  void settle() {
    calm_since_ = events_.now();
    server_.refuses.clear();
    for (auto& instance : instances_) instance->link.calm();
  }

  const Plan plan_;
  Events events_;
  Random random_;
  Server server_;
  ModelServer::Data replica_;
  std::vector<Quota> quotas_;
  std::deque<store::Family> families_;
  std::map<std::string, std::size_t> index_;
  std::vector<Ideal> ideals_;
  std::vector<std::vector<Grant>> grants_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<std::unique_ptr<Instance>> instances_;
  std::int64_t open_ = 0;
  bool strict_ = false;
  bool clock_moved_ = false;
  Time calm_since_{};
  Outcome out_;
};

}  // namespace

Outcome run(const Plan& plan) { return World(plan).go(); }

}  // namespace sluice::sim
