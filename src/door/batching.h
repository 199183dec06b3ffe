// batching.h: what every door's sessions do alike: gather asks from the bytes that came, have the store
// decide them at once, write the replies in order; and wait, if the store answers later.
//
//     struct MyBatch : Batch<MyBatch> { void write(std::string& out); void clear(); replies ... };
//     class MySession final : public BatchingSession<MyDoor, MyBatch> { bool gather(...) override; ... };
//
//     class MyDoor final : public BatchingDoor<MyBatch, MyOptions> { ... };
//
// A door lends batches, so idle connections hold none. Its options have output_bytes_max and tracer.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "door/traces.h"
#include "net/session.h"
#include "observe/decisions.h"
#include "store/store.h"

namespace sluice::door {

inline constexpr std::size_t kBatchAsks = 64;  ///< As many as the store's prefetching gains from.
inline constexpr std::size_t kBatchReplies =
    256;  ///< Requests of one batch, those without an ask among them.
/// What one connection may have done in one turn of the loop, then others have theirs: requests, and asks
/// once more. Few enough that a hundred who send without end keep others waiting for some milliseconds, many
/// enough that a turn costs nothing.
inline constexpr std::size_t kTurn = 1024;
/// A reply of a request without an ask that is longer took longer to make, and ends the turn.
inline constexpr std::size_t kTurnReply = 8 * 1024;

/// One thread's batches. Not thread-safe.
template <class Own>
class BatchPool {
 public:
  template <class Door>
  std::unique_ptr<Own> lend(Door& door) {
    if (spare_.empty()) return std::make_unique<Own>(door);
    auto batch = std::move(spare_.back());
    spare_.pop_back();
    return batch;
  }
  void give_back(std::unique_ptr<Own> batch) {
    constexpr std::size_t kSpareMax = 64;
    batch->clear();
    if (spare_.size() < kSpareMax) spare_.push_back(std::move(batch));
  }
  /// A connection went away while its batch was with the store: the batch stays until it is decided.
  void adopt(std::unique_ptr<Own> batch) {
    batch->waiting = nullptr;
    if (batch->done) return;  // Decided, and the session went before it was told: nobody will call again.
    batch->adopted = true;
    adopted_.push_back(std::move(batch));
  }
  void bury(const Own& adopted) {
    std::erase_if(adopted_, [&](const auto& batch) { return batch.get() == &adopted; });
  }

 private:
  std::vector<std::unique_ptr<Own>> spare_;    // Between two uses: one is enough for a local store.
  std::vector<std::unique_ptr<Own>> adopted_;  // With the store; nobody waits for them any more.
};

/// What one look into the input brought. `Own` is the door's batch.
template <class Own>
struct Batch : store::Completion {
  Batch(BatchPool<Own>& from, observe::Tracer* tracer) : pool(from), traces(tracer) {}

  void decided() override {
    traces.decided();
    came();
  }
  /// One of those that are outstanding is here: the store's decisions, or a page that is made elsewhere.
  void came() {
    if (--outstanding > 0) return;
    done = true;
    if (waiting != nullptr)
      waiting->resume();
    else if (adopted)
      pool.bury(static_cast<const Own&>(*this));  // Deletes this.
  }
  /// Own::clear() begins with it.
  void clear_asks() {
    waiting = nullptr;
    done = false;
    outstanding = 0;
    asks.clear();
    traces.clear();
  }

  BatchPool<Own>& pool;
  net::Host* waiting = nullptr;  ///< Whom to wake; null while the store has not returned from decide().
  bool adopted = false;          ///< The pool alone holds it: nobody will read the answers.
  bool done = false;
  std::uint32_t outstanding = 0;  ///< That came() is to be called for.

  std::vector<store::Ask> asks;
  std::vector<Decision> decisions;
  store::Batch call;
  BatchTraces traces;

 protected:
  ~Batch() = default;  // The pool knows them as `Own`.
};

/// Makes sessions, all on one thread, and holds what they share there. Not thread-safe but for requests().
template <class Own, class Options>
class BatchingDoor : public net::SessionFactory {
 public:
  /// All that is passed by reference outlives the door; the door outlives its sessions and every decision
  /// they wait for. `decisions` may be null.
  BatchingDoor(store::Store& store, Options options, observe::Decisions* decisions)
      : store_(store), options_(std::move(options)), decisions_(decisions) {}

  /// Requests answered so far. Any thread may ask.
  std::uint64_t requests() const override { return requests_.load(std::memory_order_relaxed); }
  std::uint64_t shed() const override { return shed_.load(std::memory_order_relaxed); }

  // For the sessions of this door.
  store::Store& store() { return store_; }
  const Options& options() const { return options_; }
  observe::Decisions* decisions() { return decisions_; }
  BatchPool<Own>& batches() { return batches_; }
  void count_requests(std::uint64_t n) {
    // relaxed, and no read-modify-write: one thread alone writes, and nothing hangs on it.
    requests_.store(requests_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void count_shed() { shed_.store(shed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

 private:
  store::Store& store_;
  const Options options_;
  observe::Decisions* const decisions_;
  BatchPool<Own> batches_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> shed_{0};
};

/// One connection. A feed reads and answers until the bytes are used up, the output is long enough, or the
/// store is late.
template <class Door, class Own>
class BatchingSession : public net::Session {
 public:
  BatchingSession(Door& door, net::Host& host) : door_(door), host_(host) {}
  ~BatchingSession() override {
    if (waited_for_ != nullptr) door_.batches().adopt(std::move(waited_for_));
  }

  std::size_t feed(std::string_view in, Time now, std::string& out) override {
    if (state_ == State::closing) return in.size();
    now_ = now;
    std::string_view rest = in;
    std::unique_ptr<Own> batch;
    if (waited_for_ != nullptr) {
      if (!waited_for_->done) return 0;
      batch = std::move(waited_for_);
      batch->write(out);
      batch->clear();
      rest.remove_prefix(waited_bytes_);
      state_ = last_word_said_ ? State::closing : State::reading;
    } else {
      batch = door_.batches().lend(door_);
    }

    bool more = true;
    left_ = kTurn;
    more_ = false;
    while (more && state_ == State::reading && out.size() < door_.options().output_bytes_max) {
      if (left_ == 0) {
        more_ = !rest.empty();
        break;
      }
      const std::string_view before = rest;
      more = gather(rest, *batch, out);
      spend(batch->asks.size());
      if (!batch->replies.empty()) {
        if (!decide(batch)) {
          waited_bytes_ = before.size() - rest.size();
          return in.size() - before.size();
        }
        batch->write(out);
        batch->clear();
      }
      if (last_word_said_) state_ = State::closing;
    }
    door_.batches().give_back(std::move(batch));
    return state_ == State::closing ? in.size() : in.size() - rest.size();
  }
  State state() const override { return state_; }
  bool more() const override { return more_ && state_ == State::reading; }

  /// Whether requests for tokens are to be answered by the door's word for overload; counts one if so.
  bool sheds() {
    if (!host_.shedding()) [[likely]]
      return false;
    door_.count_shed();
    return true;
  }

 protected:
  /// Reads requests until a batch is full. False: there is no further whole request.
  virtual bool gather(std::string_view& rest, Own& batch, std::string& out) = 0;

  bool full(const Own& batch, const std::string& out) const {
    return left_ == 0 || batch.asks.size() >= kBatchAsks || batch.replies.size() >= kBatchReplies ||
           out.size() + batch.text.size() >= door_.options().output_bytes_max;
  }

  /// Of this turn.
  void spend(std::size_t n) { left_ -= std::min(left_, n); }
  void spend_all_if_large(std::size_t reply) {
    if (reply > kTurnReply) left_ = 0;
  }

  Door& door_;
  State state_ = State::reading;
  bool last_word_said_ = false;  // No request after this one is read; then the connection closes.
  Time now_;
  std::unique_ptr<Own> waited_for_;  // With the store.
  net::Host& host_;

 private:
  // True if the decisions are here; otherwise the batch is kept and the session waits.
  bool decide(std::unique_ptr<Own>& batch) {
    batch->traces.ask_store(batch->asks, now_);
    if (!batch->asks.empty()) {
      ++batch->outstanding;
      batch->done = false;
      batch->decisions.resize(batch->asks.size());
      batch->call = {.asks = batch->asks, .decisions = batch->decisions, .now = now_};
      door_.store().decide(batch->call, *batch);
    }
    if (batch->outstanding == 0) return true;
    batch->waiting = &host_;
    waited_for_ = std::move(batch);
    state_ = State::waiting;
    return false;
  }

  std::size_t left_ = kTurn;      // Of this turn.
  bool more_ = false;             // The turn ended before the requests did.
  std::size_t waited_bytes_ = 0;  // How much of `in` the waiting batch's requests take up.
};

}  // namespace sluice::door
