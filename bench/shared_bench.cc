// The shared store over a real redis-server: this process on one core, the server on another. The yardstick,
// in the same run: one decision an EVALSHA of the same script, as many in flight.
//
//     shared_bench SOCKET [SECONDS] [strict|leased]
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "measure.h"
#include "net/fd.h"
#include "net/loop.h"
#include "redis/client.h"
#include "store/local/local_store.h"
#include "store/shared/script.h"
#include "store/shared/shared_store.h"

using namespace sluice;
using namespace sluice::store;

namespace {

constexpr std::size_t kBatch = 16;  // Asks of one read of a door.

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/// Which key comes next: uniform, one, or zipf 0.99, over keys made beforehand.
class Keys {
 public:
  Keys(std::size_t count, bool zipf) {
    for (std::size_t i = 0; i < count; ++i) keys_.push_back("user:" + std::to_string(100'000'000 + i));
    std::mt19937 random(1);
    std::vector<double> sums;
    double sum = 0;
    for (std::size_t i = 1; zipf && i <= count; ++i)
      sums.push_back(sum += 1 / std::pow(static_cast<double>(i), 0.99));
    for (auto& o : order_) {
      const double u = std::uniform_real_distribution<double>(0, 1)(random);
      o = zipf
              ? static_cast<std::uint32_t>(std::lower_bound(sums.begin(), sums.end(), u * sum) - sums.begin())
              : static_cast<std::uint32_t>(u * static_cast<double>(count));
    }
  }
  const std::string& next() { return keys_[order_[at_++ & (order_.size() - 1)]]; }

 private:
  std::vector<std::string> keys_;
  std::vector<std::uint32_t> order_ = std::vector<std::uint32_t>(1 << 20);
  std::size_t at_ = 0;
};

struct Bench {
  explicit Bench(const std::string& socket, double s) : seconds(s) {
    redis::Client::Options options;
    options.address = {.kind = net::Address::Kind::unix_path, .path = socket};
    client = std::make_unique<redis::Client>(loop, options, nullptr);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    ucred peer{};
    socklen_t size = sizeof peer;
    const net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
      server_pid = peer.pid;
  }

  struct Result {
    double per_second, cpu_us;
    double server_us;  ///< The server's processor time a decision.
  };

  /// Of the redis-server's main thread.
  double server_seconds() const {
    double ns = 0;
    std::ifstream("/proc/" + std::to_string(server_pid) + "/schedstat") >> ns;
    return ns / 1e9;
  }

  /// Runs `start`, which keeps in_flight asks going until `over`, and counts.
  template <class Start>
  Result run(Start&& start) {
    decided = 0;
    over = false;
    double cpu = 0, cpu_end = 0, server = 0, server_end = 0;
    std::uint64_t from = 0, to = 0;
    std::function<void()> finished;  // Stops the loop once all calls have come back.
    Time begin{}, end{};
    const std::function<void()> when_up = [&] {
      if (!client->up()) return loop.after(std::chrono::milliseconds(5), when_up);
      start();
      loop.after(std::chrono::milliseconds(300), [&] {
        from = decided, cpu = cpu_seconds(), server = server_seconds(), begin = Clock::now();
      });
      loop.after(std::chrono::milliseconds(300) + Duration(static_cast<std::int64_t>(seconds * 1e9)), [&] {
        to = decided, cpu_end = cpu_seconds(), server_end = server_seconds(), end = Clock::now();
        over = true;
        finished();
      });
    };
    const auto wait = std::chrono::milliseconds(100);
    finished = [&] { loop.after(wait, [&] { outstanding() > 0 ? finished() : loop.stop(); }); };
    loop.post(when_up);
    loop.run();
    loop.restart();
    const double n = static_cast<double>(to - from);
    return {n / (static_cast<double>((end - begin).count()) / 1e9), (cpu_end - cpu) / n * 1e6,
            (server_end - server) / n * 1e6};
  }

  Result one_by_one(Keys& keys) {
    struct Caller final : redis::Caller {
      Bench* bench;
      Keys* keys;
      void send() {
        std::string command;
        Call call;
        Ask ask{.key = keys->next(), .family = &bench->family, .quota = &bench->quota};
        Decision decision;
        Ticket ticket;
        (void)call.add({{&ask, 1}, {&decision, 1}, &ticket});
        call.write("EVALSHA", kScriptSha, command);
        bench->client->send(command, *this);
      }
      void replied(redis::Reply reply) override {
        if (reply[0].kind == redis::Element::Kind::error)
          std::fprintf(stderr, "%s\n", std::string(reply[0].text).c_str()), std::exit(1);
        ++bench->decided;
        if (!bench->over) send();
      }
      void lost(redis::Loss, std::string_view why) override {
        std::fprintf(stderr, "%s\n", std::string(why).c_str()), std::exit(1);
      }
    };
    std::vector<Caller> callers(in_flight);
    return run([&] {
      for (auto& c : callers) c.bench = this, c.keys = &keys, c.send();
    });
  }

  Result shared(Keys& keys) {
    LocalStore local{{.max_keys = 1000}};
    Fallback fallback(local, 1);
    std::unique_ptr<SharedStore> store;
    store = std::make_unique<SharedStore>(*client, fallback,
                                          SharedOptions{.lane = {.deadline = std::chrono::seconds(5)},
                                                        .now = [] { return Clock::now(); },
                                                        .chance = [] { return 0.5; },
                                                        .wake_at = [](Time) {}});
    struct Reader final : Completion {
      Bench* bench;
      Keys* keys;
      SharedStore* store;
      std::array<Ask, kBatch> asks;
      std::array<Decision, kBatch> decisions;
      Batch batch;
      bool inside = false, again = false;
      void go() {
        inside = true;
        int rounds = 0;
        do {
          if (++rounds > 16) {  // What needs no call is answered at once: let the loop hear of the calls.
            bench->loop.post([this] { go(); });
            break;
          }
          again = false;
          for (auto& ask : asks) ask = {.key = keys->next(), .family = bench->asked, .quota = &bench->quota};
          batch = {asks, decisions, Clock::now()};
          if (bench->ideal != nullptr) ask_ideal();
          store->decide(batch, *this);
        } while (again && !bench->over);
        inside = false;
      }
      void ask_ideal() {
        struct Done final : Completion {
          void decided() override {}
        } done;
        bench->ideal->decide(batch, done);
        for (const Decision& d : decisions) bench->ideal_granted += static_cast<std::uint64_t>(d.granted);
      }
      void decided() override {
        bench->decided += kBatch;
        if (bench->ideal != nullptr)
          for (const Decision& d : decisions) bench->granted += static_cast<std::uint64_t>(d.granted);
        if (inside)
          again = true;
        else if (!bench->over)
          go();
      }
    };
    std::vector<Reader> readers(in_flight / kBatch);
    outstanding = [&] { return store->stats().outstanding; };
    const auto result = run([&] {
      for (auto& r : readers) r.bench = this, r.keys = &keys, r.store = store.get(), r.go();
    });
    outstanding = [] { return std::uint64_t{0}; };
    const auto stats = store->stats();
    leased_part = static_cast<double>(stats.leases.asks) / static_cast<double>(decided);
    std::printf("    %.1f asks a call, %llu degraded\n",
                static_cast<double>(stats.lane.decisions) / static_cast<double>(stats.lane.calls),
                static_cast<unsigned long long>(stats.degraded));
    return result;
  }

  /// The part of what one ideal bucket a key, asked the same at the same time, grants, and the store did not.
  double refused_too_much(Keys& keys) {
    LocalStore one{{.max_keys = 10'000}};
    const Family unused{"unused", 0, OnFailure::deny, Consistency::leased};  // Both begin with full buckets.
    asked = &unused;
    ideal = &one;
    granted = ideal_granted = 0;
    (void)shared(keys);
    ideal = nullptr;
    asked = &leased;
    return 1 - static_cast<double>(granted) / static_cast<double>(ideal_granted);
  }

  const double seconds;
  std::size_t in_flight = 512;  // Asks.
  pid_t server_pid = 0;
  net::Loop loop;
  std::unique_ptr<redis::Client> client;
  const Family family{"bench"};
  const Family leased{"leased", 0, OnFailure::deny, Consistency::leased};
  const Family* asked = &family;
  Quota quota = *Quota::parse("1000/s burst 100000000");
  std::uint64_t decided = 0;
  bool over = false;
  Store* ideal = nullptr;  // Asked besides.
  std::uint64_t granted = 0, ideal_granted = 0;
  std::function<std::uint64_t()> outstanding = [] { return std::uint64_t{0}; };
  double leased_part = 0;  // Of the decisions of the last run of a store.
};

bool strict(Bench& runs) {
  Keys different(100'000, false), hot(1, false), zipf(100'000, true);
  bool kept = true;
  for (const auto& [name, keys, bound] :
       {std::tuple("all keys different", &different, 2.0), std::tuple("one hot key", &hot, 0.0),
        std::tuple("zipf 0.99 over 100k keys", &zipf, 4.0)}) {
    // With keys asked as unevenly as in life, a quota as in life: the hot ones are refused at times.
    runs.in_flight = keys == &zipf ? 2048 : 512;
    runs.quota = *Quota::parse(keys == &zipf ? "100/s burst 200" : "1000/s burst 100000000");
    const auto yard = runs.one_by_one(*keys);
    const auto store = runs.shared(*keys);
    const double ratio = store.per_second / yard.per_second;
    std::printf(
        "%-26s one by one %7.0f/s (%.2f us of ours, %.2f of the server)   store %9.0f/s (%.2f us, %.3f)   "
        "%.1fx\n",
        name, yard.per_second, yard.cpu_us, yard.server_us, store.per_second, store.cpu_us, store.server_us,
        ratio);
    // What one server could decide, if others asked besides.
    const double capacity = 1 / store.server_us;
    if (keys == &hot)
      kept &= bench::result("strict, one hot key, of the store's capacity", capacity, "M/s", ">= 5 M/s",
                            capacity >= 5);
    if (bound > 0)
      kept &= bench::result(std::string("strict, ") + name + ", against one by one", ratio, "x",
                            ">= " + std::to_string(static_cast<int>(bound)) + " x", ratio >= bound);
  }
  return kept;
}

bool leased(Bench& runs) {
  constexpr std::size_t kHot = 1000;
  Keys thousand(kHot, false);
  runs.asked = &runs.leased;
  runs.in_flight = 2048;
  bool kept = true;
  for (const char* quota : {"10000/s burst 10000", "100/s burst 200"}) {
    runs.quota = *Quota::parse(quota);
    const auto yard = runs.one_by_one(thousand);
    const auto store = runs.shared(thousand);
    std::printf(
        "leased, %-18s one by one %7.0f/s (%.2f us of ours)   store %9.0f/s (%.2f us), %.1f %% from leases\n",
        quota, yard.per_second, yard.cpu_us, store.per_second, store.cpu_us, runs.leased_part * 100);
    kept &= bench::result(std::string("leased, 1,000 hot keys, ") + quota, store.per_second / 1e6, "M/s",
                          ">= 6 M/s", store.per_second >= 6e6);
  }
  std::printf("leased, 100/s burst 200: %.2f %% of what one ideal bucket a key grants is refused\n",
              runs.refused_too_much(thousand) * 100);
  return kept;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: shared_bench SOCKET [SECONDS] [strict|leased]\n"), 2;
  Bench runs(argv[1], argc > 2 ? std::atof(argv[2]) : 2);
  const std::string_view which = argc > 3 ? argv[3] : "";
  {  // The script, once.
    Keys one(1, false);
    (void)runs.shared(one);
  }
  bool kept = true;
  if (which != "leased") kept &= strict(runs);
  if (which != "strict") kept &= leased(runs);
  return kept ? 0 : 1;
}
