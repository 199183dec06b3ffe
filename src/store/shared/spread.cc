#include "store/shared/spread.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "store/chain.h"
#include "store/shared/lanes.h"

namespace sluice::store {

namespace {

constexpr Duration kGiveBackFor = std::chrono::seconds(1);
constexpr Duration kFirstPause = std::chrono::milliseconds(5);
constexpr std::size_t kWaitingMax = 10'000;

bool same_bucket(const Ask& a, const Ask& b) { return a.key == b.key && a.family->name == b.family->name; }

/// Whether a part may be refused, so that the others must be given back.
bool may_refuse(Op op) { return op == Op::take || op == Op::take_up_to || op == Op::reserve; }

bool can_never_pass(const Ask& ask) {
  return (ask.op == Op::take || ask.op == Op::reserve) && ask.amount > ask.quota->capacity();
}

struct Link : ChainLink<Link> {};

}  // namespace

struct Spread::Piece : Part {
  enum class State : std::uint8_t { asked, charged, refused, lost };
  Whole* whole = nullptr;
  std::size_t first = 0, count = 0;  // Of the whole's asks, as they are grouped.
  State state = State::asked;
};

struct Spread::Whole {
  Chain chain;
  std::vector<Ask> asks;             // Grouped by part, in each as they came.
  std::vector<std::uint8_t> places;  // Of each of them in the chain.
  std::vector<Decision> decisions;
  std::vector<Before> before;
  std::vector<Piece> pieces;  // Never more than asks: they stay where they are.
  std::size_t left = 0;       // Pieces not heard of.
  bool looking = false;       // One ask can never pass: nothing is charged.

  /// Puts asks that belong together side by side from `first` on, and makes a piece of each group.
  template <class Together>
  void group(std::size_t first, std::size_t last, Together&& together) {
    for (std::size_t begin = first; begin < last;) {
      std::size_t end = begin + 1;
      for (std::size_t i = end; i < last; ++i) {
        if (!together(places[begin], places[i])) continue;
        std::rotate(asks.begin() + at(end), asks.begin() + at(i), asks.begin() + at(i + 1));
        std::rotate(places.begin() + at(end), places.begin() + at(i), places.begin() + at(i + 1));
        ++end;
      }
      for (std::size_t i = begin; i < end; ++i) asks[i].with_next = i + 1 < end;
      Piece& piece = pieces.emplace_back();
      piece.whole = this;
      piece.first = begin, piece.count = end - begin;
      piece.before = std::span(before).subspan(begin, piece.count);
      begin = end;
    }
  }
  static std::ptrdiff_t at(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }
  Chain of(Piece& piece) {
    return {std::span(asks).subspan(piece.first, piece.count),
            std::span(decisions).subspan(piece.first, piece.count), nullptr, &piece};
  }
};

/// Has all it needs: the request that it was charged for is answered already.
struct Spread::GiveBack : Part {
  GiveBack(const Ask& charged, const Before& then)
      : key(charged.key), family(*charged.family), quota(*charged.quota), since(then) {
    before = {&since, 1};
    gives_back = true;
  }
  std::string key;
  Family family;
  Quota quota;
  Before since;
  Ask ask;
  Decision decision;
  std::size_t at = 0;  // Its place among those that are under way.
  Time until, when;
  Duration pause = kFirstPause;
};

Spread::Spread(Lanes& lanes) : lanes_(lanes) {}
Spread::~Spread() = default;

Spread::Whole& Spread::issue() {
  if (spare_.empty()) {
    wholes_.push_back(std::make_unique<Whole>());
    spare_.push_back(wholes_.back().get());
  }
  Whole& whole = *spare_.back();
  spare_.pop_back();
  return whole;
}

// ---- asking

bool Spread::begin(const Chain& chain, bool by_bucket, Time deadline, Time now) {
  const std::size_t n = chain.asks.size();
  const Op op = chain.asks.front().op;
  std::array<std::uint16_t, kChainMax> slots;
  bool apart = false;
  for (std::size_t i = 0; i < n; ++i) {
    const Ask& ask = chain.asks[i];
    if (ask.op != op) return false;
    slots[i] = lanes_.slot_of(ask);
    apart |= slots[i] != slots[0] || (by_bucket && !same_bucket(ask, chain.asks.front()));
  }
  if (!apart) return false;
  if (may_refuse(op) && std::any_of(slots.begin(), slots.begin() + Whole::at(n), [&](std::uint16_t slot) {
        const Lane* lane = lanes_.lane_of(slot);
        return lane == nullptr || !lane->takes(now);
      })) {
    lanes_.owner_.given_up(chain);  // Nothing need be given back.
    return true;
  }
  ++stats_.chains;
  Whole& whole = issue();
  whole.chain = chain;
  whole.asks.assign(chain.asks.begin(), chain.asks.end());
  whole.places.resize(n);
  for (std::size_t i = 0; i < n; ++i) whole.places[i] = static_cast<std::uint8_t>(i);
  whole.decisions.assign(n, {});
  whole.before.assign(n, {});
  whole.pieces.clear();
  whole.pieces.reserve(n + 1);
  whole.looking = std::any_of(chain.asks.begin(), chain.asks.end(), can_never_pass);
  if (whole.looking)
    for (Ask& ask : whole.asks) ask.op = Op::peek;
  whole.group(0, n, [&](std::size_t a, std::size_t b) {
    return by_bucket ? same_bucket(chain.asks[a], chain.asks[b]) : slots[a] == slots[b];
  });
  const std::size_t pieces = whole.pieces.size();
  whole.left = pieces + 1;  // Itself: nothing is finished before all is asked.
  for (std::size_t i = 0; i < pieces; ++i)
    send(whole.pieces[i], slots[whole.places[whole.pieces[i].first]], deadline, now);
  if (--whole.left == 0) finish(whole);
  return true;
}

void Spread::send(Piece& piece, std::uint16_t slot, Time deadline, Time now) {
  lanes_.send(piece.whole->of(piece), slot, deadline, now);
}

bool Spread::split(const Chain& part, std::uint16_t slot, Time deadline, Time now) {
  if (part.part->gives_back) return false;
  Piece& piece = static_cast<Piece&>(*part.part);
  Whole& whole = *piece.whole;
  const auto first = whole.asks.begin() + Whole::at(piece.first);
  if (std::all_of(first, first + Whole::at(piece.count),
                  [&](const Ask& a) { return same_bucket(a, *first); }))
    return false;
  const std::size_t known = whole.pieces.size();
  whole.group(piece.first, piece.first + piece.count, [&](std::size_t a, std::size_t b) {
    return same_bucket(whole.chain.asks[a], whole.chain.asks[b]);
  });
  piece = whole.pieces.back();  // One of them in its own place: the others asked may not move.
  whole.pieces.pop_back();
  whole.left += whole.pieces.size() - known;
  ++whole.left;  // Itself, as above.
  for (std::size_t i = known; i < whole.pieces.size(); ++i) send(whole.pieces[i], slot, deadline, now);
  send(piece, slot, deadline, now);
  if (--whole.left == 0) finish(whole);
  return true;
}

// ---- hearing

void Spread::answered(const Chain& part) {
  if (part.part->gives_back) {
    ++stats_.given_back;
    (void)ended(static_cast<GiveBack&>(*part.part));
    return;
  }
  Piece& piece = static_cast<Piece&>(*part.part);
  const bool passed = std::ranges::all_of(part.decisions, [](const Decision& d) { return d.allowed(); });
  piece.state = passed ? Piece::State::charged : Piece::State::refused;
  heard(piece);
}

void Spread::given_up(const Chain& part, redis::Loss loss, Time now) {
  if (!part.part->gives_back) {
    Piece& piece = static_cast<Piece&>(*part.part);
    piece.state = Piece::State::lost;
    return heard(piece);
  }
  auto one = ended(static_cast<GiveBack&>(*part.part));
  one->when = now + one->pause;
  one->pause *= 2;
  if (loss == redis::Loss::unknown || one->when >= one->until || waiting_.size() >= kWaitingMax) {
    ++stats_.lost;
    return;
  }
  next_wake_ = std::min(next_wake_, one->when);
  waiting_.push_back(std::move(one));
  lanes_.owner_.wake_sooner();
}

void Spread::heard(Piece& piece) {
  Whole& whole = *piece.whole;
  if (--whole.left == 0) finish(whole);
}

void Spread::finish(Whole& whole) {
  const Chain chain = whole.chain;
  const bool lost =
      std::ranges::any_of(whole.pieces, [](const Piece& p) { return p.state == Piece::State::lost; });
  bool decided = true;
  if (!may_refuse(chain.asks.front().op)) {
    finish_each(whole);
  } else if (!lost) {
    give_back(whole, decide(whole));
  } else {
    decided = false;
    give_back(whole, false);
  }
  spare_.push_back(&whole);
  if (decided)
    lanes_.owner_.answered(chain);
  else
    lanes_.owner_.given_up(chain);
}

void Spread::finish_each(Whole& whole) {
  for (Piece& piece : whole.pieces)
    if (piece.state == Piece::State::lost) lanes_.owner_.given_up(whole.of(piece));
  for (std::size_t i = 0; i < whole.places.size(); ++i)
    whole.chain.decisions[whole.places[i]] = whole.decisions[i];
}

/// As if all buckets were in one place.
bool Spread::decide(Whole& whole) {
  const Chain& chain = whole.chain;
  std::array<Link, kChainMax> memory;
  const auto links = std::span(memory).first(chain.asks.size());
  std::array<std::int64_t, kChainMax> behind_us;
  for (std::size_t k = 0; k < links.size(); ++k) {
    const std::size_t i = whole.places[k];
    links[i] = Link{
        {.ask = &chain.asks[i], .decision = &chain.decisions[i], .rate = shared_rate(*chain.asks[i].quota)}};
    links[i].held = whole.before[k].ahead;
    behind_us[i] = whole.before[k].behind_us;
  }
  for (std::size_t i = 0; i < links.size(); ++i)
    links[i].first = &*std::find_if(links.begin(), links.begin() + Whole::at(i),
                                    [&](const Link& l) { return same_bucket(*l.ask, chain.asks[i]); });
  const bool allowed = decide_chain(links);
  for (std::size_t i = 0; i < links.size(); ++i) wait_for_clock(chain.decisions[i], behind_us[i]);
  return allowed;
}

// ---- giving back

/// What was charged and not granted.
void Spread::give_back(Whole& whole, bool allowed) {
  if (whole.looking) return;
  const Time now = lanes_.owner_.now();
  bool any = false;
  for (const Piece& piece : whole.pieces) {
    if (piece.state != Piece::State::charged) continue;
    for (std::size_t k = piece.first; k < piece.first + piece.count; ++k) {
      const std::int64_t kept = allowed ? whole.chain.decisions[whole.places[k]].granted : 0;
      const std::int64_t amount = whole.decisions[k].granted - kept;
      if (amount <= 0) continue;
      auto one = std::make_unique<GiveBack>(whole.asks[k], whole.before[k]);
      // The bucket without the charge is the one in which the part that is kept was charged.
      const Int128 ticks = static_cast<Int128>(kept) * one->quota.wide().per_token + one->since.tat.ticks;
      one->since.tat.us += static_cast<std::int64_t>(ticks / one->since.tat.per_us);
      one->since.tat.ticks = static_cast<std::int64_t>(ticks % one->since.tat.per_us);
      one->ask = {
          .key = one->key, .family = &one->family, .quota = &one->quota, .amount = amount, .op = Op::refund};
      one->until = now + kGiveBackFor;
      any = true;
      try_to_give_back(std::move(one), now);
    }
  }
  if (!any) return;
  lanes_.flush(now);
  lanes_.owner_.wake_sooner();
}

void Spread::try_to_give_back(std::unique_ptr<GiveBack> one, Time now) {
  GiveBack& given = *one;
  given.at = under_way_.size();
  under_way_.push_back(std::move(one));
  lanes_.owner_.gives_back(given.ask);
  lanes_.send({{&given.ask, 1}, {&given.decision, 1}, nullptr, &given}, lanes_.slot_of(given.ask),
              now + lanes_.options_.deadline, now);
}

std::unique_ptr<Spread::GiveBack> Spread::ended(GiveBack& one) {
  under_way_.back()->at = one.at;
  std::swap(under_way_[one.at], under_way_.back());
  auto own = std::move(under_way_.back());
  under_way_.pop_back();
  return own;
}

void Spread::wake(Time now) {
  if (now < next_wake_) return;
  next_wake_ = Time::max();
  for (auto& one : std::exchange(waiting_, {})) {
    if (one->until <= now) {
      ++stats_.lost;
    } else if (one->when <= now) {
      try_to_give_back(std::move(one), now);
    } else {
      next_wake_ = std::min(next_wake_, one->when);
      waiting_.push_back(std::move(one));
    }
  }
}

}  // namespace sluice::store
