#include "server/shared_numbers.h"

namespace sluice::server {

namespace {

using Numbers = SharedNumbers;
constexpr auto counter = observe::Family::Kind::counter;
constexpr auto gauge = observe::Family::Kind::gauge;

constexpr SharedMetric kMetrics[] = {
    {"sluice_store_outstanding", "Asks that wait for the shared store now.", gauge, &Numbers::outstanding},
    {"sluice_store_instances", "Servers that share the store, as configured or as the store saw last.", gauge,
     &Numbers::instances},
    {"sluice_store_calls_total", "Calls to the shared store; each carries many asks.", counter,
     &Numbers::calls},
    {"sluice_store_outcome_unknown_total",
     "Calls without a reply in time, which may have been applied; they are not repeated.", counter,
     &Numbers::unknown},
    {"sluice_store_unknown_tokens_total",
     "Tokens that these calls asked for: at most so many were refused too much, until refilled.", counter,
     &Numbers::unknown_tokens},
    {"sluice_store_errors_total", "Error replies; the log says which.", counter, &Numbers::errors},
    {"sluice_store_scripts_loaded_total", "Calls that had to bring the script along.", counter,
     &Numbers::scripts_loaded},
    {"sluice_store_uncounted_tokens_total",
     "Tokens that limits with on_store_failure: allow granted without a count.", counter,
     &Numbers::uncounted},
    {"sluice_store_owed_tokens",
     "Tokens that limits with on_store_failure: local granted while the shared store was away and that are "
     "not yet charged to it: at most so many were granted too much.",
     gauge, &Numbers::owed},
    {"sluice_store_repaid_tokens_total", "Of such tokens those that have been charged to the store.", counter,
     &Numbers::repaid},
    {"sluice_store_debts_forgotten_total",
     "Buckets whose such tokens will never be charged: there were too many, or for too long.", counter,
     &Numbers::debts_forgotten},
    {"sluice_lease_tokens_charged_total", "Tokens charged ahead in the shared store.", counter,
     &Numbers::lease_charged},
    {"sluice_lease_tokens_spent_total",
     "Tokens of these that were granted; the others are at hand, have evaporated or are lost.", counter,
     &Numbers::lease_spent},
    {"sluice_store_calls_again_total",
     "Calls that a Cluster refused because a slot moves or has moved; asked again.", counter,
     &Numbers::again},
    {"sluice_store_spread_total",
     "Requests whose buckets are in several slots of a Cluster: charged in parts.", counter,
     &Numbers::spread},
    {"sluice_store_given_back_total",
     "Charges of such parts that were given back, since another part did not pass.", counter,
     &Numbers::given_back},
    {"sluice_store_give_backs_lost_total",
     "Of which nobody can say whether they were given back: refilled by time.", counter,
     &Numbers::give_backs_lost},
};

constexpr AskOrigin kOrigins[] = {
    {"store", &Numbers::decisions},
    {"remembered", &Numbers::remembered},
    {"leased", &Numbers::leased},
    {"degraded", &Numbers::degraded},
};

}  // namespace

std::span<const SharedMetric> shared_metrics() { return kMetrics; }
std::span<const AskOrigin> ask_origins() { return kOrigins; }

void SharedNumbers::add(const SharedNumbers& other) {
  const auto sum = [&](Number SharedNumbers::* number) {
    (this->*number).fetch_add((other.*number).load(std::memory_order_relaxed), std::memory_order_relaxed);
  };
  for (const SharedMetric& m : kMetrics) sum(m.number);
  for (const AskOrigin& o : kOrigins) sum(o.number);
}

}  // namespace sluice::server
