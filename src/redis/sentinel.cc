#include "redis/sentinel.h"

#include <algorithm>
#include <utility>

#include "core/number.h"
#include "redis/command.h"

namespace sluice::redis {
namespace {

constexpr Duration kPoll = std::chrono::seconds(1);
constexpr Duration kPollDown = std::chrono::milliseconds(100);
constexpr Duration kNextSentinel = std::chrono::milliseconds(100);

}  // namespace

Result<SentinelNode::Options> SentinelNode::Options::from(const Url& url) {
  auto primary = Client::Options::from(url);
  if (!primary) return primary.error();
  Options options{.sentinels = url.hosts, .master = url.master, .sentinel = *primary, .primary = *primary};
  options.sentinel.link.login = url.sentinel_login;
  options.sentinel.link.database = 0;
  options.sentinel.link.primary_only = false;
  return options;
}

SentinelNode::SentinelNode(net::Loop& loop, Options options, Client::Listener* listener)
    : loop_(loop),
      options_(std::move(options)),
      listener_(listener),
      timers_(loop),
      random_(options_.sentinel.seed),
      index_(random_() % options_.sentinels.size()) {  // So that a fleet does not ask the first one alone.
  connect();
  poll();
}

SentinelNode::~SentinelNode() {
  sentinel_.reset();
  primary_.reset();
}

void SentinelNode::send(std::string_view command, Caller& caller) {
  if (!primary_) return caller.lost(Loss::not_sent, "no sentinel has named the primary yet");
  primary_->send(command, caller);
}

// ---- the sentinel

void SentinelNode::connect() {
  moving_ = false;
  Client::Options options = options_.sentinel;
  options.address = options_.sentinels[index_];
  options.seed = random_();
  sentinel_.reset();
  sentinel_ = std::make_unique<Client>(loop_, std::move(options), static_cast<Client::Listener*>(this));
  sentinel_->on_push(&pushed_);
}

// Later, for this is called from within the present one; and not at once, for all may be down.
void SentinelNode::next_sentinel() {
  if (moving_) return;
  moving_ = true;
  index_ = (index_ + 1) % options_.sentinels.size();
  timers_.after(kNextSentinel, [this] { connect(); });
}

void SentinelNode::ask() {
  if (answer_.asked || !sentinel_ || !sentinel_->up()) return;
  answer_.asked = true;
  sentinel_->send(command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.master), answer_);
}

void SentinelNode::poll() {
  ask();
  timers_.after(up() ? kPoll : kPollDown, [this] { poll(); });
}

void SentinelNode::Answer::replied(Reply reply) {
  asked = false;
  if (reply.size() == 3 && reply[0].kind == Element::Kind::array)
    return node.named(reply[1].text, reply[2].text);
  if (!node.up()) {
    const bool error = reply[0].kind == Element::Kind::error;
    const auto why = "the sentinel " + node.sentinel_->address().text() +
                     (error ? " said: " + std::string(reply[0].text)
                            : " knows no master '" + node.options_.master + "': check the name in the URL");
    node.tell_down(*node.sentinel_, why);
  }
  if (node.options_.sentinels.size() > 1) node.next_sentinel();
}

// message +switch-master "name old-host old-port new-host new-port"
void SentinelNode::Pushed::replied(Reply reply) {
  if (reply.size() != 4 || reply[1].text != "message") return;
  std::string_view words[5];
  std::string_view text = reply[3].text;
  for (auto& word : words) {
    const auto space = text.find(' ');
    word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  if (words[0] == node.options_.master) node.named(words[3], words[4]);
}

// ---- the primary

void SentinelNode::named(std::string_view host, std::string_view port) {
  const auto number = parse_number<std::uint16_t>(port);
  if (!number || *number == 0 || host.empty()) return;
  const net::Address address{.kind = net::Address::Kind::tcp, .host = std::string(host), .port = *number};
  if (primary_ && primary_->address() == address) return;
  Client::Options options = options_.primary;
  options.address = address;
  options.seed = random_();
  if (primary_) ++switches_;
  // Callers of the old one may send again when they hear that they are lost: to the new one.
  const auto old = std::exchange(
      primary_, std::make_unique<Client>(loop_, std::move(options), static_cast<Client::Listener*>(this)));
}

void SentinelNode::went_up(Client& client) {
  if (&client == sentinel_.get()) {
    if (client.resp3()) client.tell(command("SUBSCRIBE", "+switch-master"));
    return ask();
  }
  told_.clear();
  if (listener_ != nullptr) listener_->went_up(client);
}

void SentinelNode::went_down(Client& client, std::string_view why) {
  if (&client == sentinel_.get()) {
    if (!up()) tell_down(client, std::string(why));
    return next_sentinel();
  }
  if (listener_ != nullptr) listener_->went_down(client, why);
  ask();
}

void SentinelNode::tell_down(Client& client, const std::string& why) {
  constexpr std::size_t kToldMax = 64;
  if (listener_ == nullptr || told_.size() == kToldMax || std::count(told_.begin(), told_.end(), why) > 0)
    return;
  told_.push_back(why);
  listener_->went_down(client, why);
}

}  // namespace sluice::redis
