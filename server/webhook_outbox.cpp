// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/webhook_outbox.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "runtime/derived_secret.hpp"
#include "server/http_client.hpp"
#include "server/mem0_names.hpp"
#include "server/random_name.hpp"
#include "server/webhook_signature.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;
using clock = std::chrono::steady_clock;

/// Organizations that are worked on at a time: the slowness of one's receivers
/// must not hold back others.
constexpr std::size_t threads = 4;
constexpr std::chrono::seconds patience{5};
/// Doubled pauses from five seconds on are a day by then.
constexpr std::int64_t attempts_max = 15;
constexpr std::chrono::milliseconds pause_max{6 * 3600 * 1000};
constexpr std::size_t waiting_max = 10'000;
constexpr std::chrono::seconds hooks_known_for{1};
/// Of one organization's deliveries, before others have their turn.
constexpr std::chrono::seconds round_max{10};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

std::string text_of(const json::object& from, std::string_view name) {
  auto value = from.if_contains(name);
  return value != nullptr && value->is_string()
           ? std::string{value->get_string()}
           : std::string{};
}

std::int64_t number_of(const json::object& from, std::string_view name) {
  auto value = from.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool wants(const mem0::document& hook, std::string_view event) {
  auto events = hook.content.if_contains("event_types");
  return events != nullptr && events->is_array()
         && std::any_of(events->get_array().begin(), events->get_array().end(),
                        [&](const json::value& each) {
                          return each.is_string()
                                 && std::string_view{each.get_string()}
                                      == event;
                        });
}

/// "http://host:port/path" without its path, and the path.
std::pair<std::string, std::string> split(const std::string& url) {
  auto host = url.find("://");
  auto path = host == url.npos ? url.npos : url.find('/', host + 3);
  if (path == url.npos)
    return {url, "/"};
  return {url.substr(0, path), url.substr(path)};
}

} // namespace

webhook_outbox::webhook_outbox(runtime store, options how)
  : store_(std::move(store)), how_(how) {
  threads_.emplace_back([this] {
    find_unfinished();
    loop();
  });
  for (std::size_t i = 1; i < threads; ++i)
    threads_.emplace_back([this] { loop(); });
}

webhook_outbox::~webhook_outbox() {
  {
    std::lock_guard guard{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  for (auto& each : threads_)
    each.join();
}

result<webhook_outbox::documents>
webhook_outbox::of(const std::string& organization, std::string kind) const {
  auto opened = store_.existing_organization(organization);
  if (opened.has_error())
    return opened.error();
  auto bound = opened->client(mem0::own_segment);
  if (bound.has_error())
    return bound.error();
  return documents{store_, *bound, std::move(kind)};
}

std::string webhook_outbox::secret_of(const scope& organization,
                                      std::string_view key) const {
  return webhook_secret(
    derived_secret(store_, "webhook secret " + std::string{organization.path()}
                             + ' ' + std::string{key}));
}

result<std::vector<mem0::document>>
webhook_outbox::hooks_of(const std::string& organization) {
  std::uint64_t generation = 0;
  {
    std::lock_guard guard{mutex_};
    auto known = hooks_.find(organization);
    if (known != hooks_.end()
        && clock::now() - known->second.read_at < hooks_known_for)
      return known->second.list;
    generation = generation_;
  }
  auto kept = of(organization, "webhook");
  if (kept.has_error())
    return kept.error();
  auto found = kept->all();
  // Whoever has erased them has none.
  if (found.has_error() && found.error().code == errc::erased)
    found = std::vector<document>{};
  if (found.has_error())
    return found;
  std::lock_guard guard{mutex_};
  if (generation == generation_)
    hooks_[organization] = {*found, clock::now()};
  return found;
}

std::optional<mem0::document>
webhook_outbox::hook_named(const std::string& organization,
                           const std::string& key) {
  auto hooks = hooks_of(organization);
  if (hooks)
    for (const auto& each : *hooks)
      if (each.key == key)
        return each;
  return std::nullopt;
}

result<bool> webhook_outbox::is_wanted(const scope& organization,
                                       std::string_view event) {
  auto hooks = hooks_of(std::string{organization.path()});
  if (hooks.has_error())
    return hooks.error();
  return std::any_of(hooks->begin(), hooks->end(),
                     [&](const auto& hook) { return wants(hook, event); });
}

void webhook_outbox::forget(const scope& organization) {
  std::lock_guard guard{mutex_};
  ++generation_;
  hooks_.erase(std::string{organization.path()});
}

result<void> webhook_outbox::note(const scope& organization,
                                  std::string_view event, const memory_id& id) {
  std::string path{organization.path()};
  auto hooks = hooks_of(path);
  if (hooks.has_error())
    return hooks.error();
  for (const auto& hook : *hooks) {
    if (!wants(hook, event))
      continue;
    {
      std::lock_guard guard{mutex_};
      if (++waiting_[path] > waiting_max)
        return error{errc::overloaded,
                     "too much waits to be told to webhooks; see that they "
                     "answer, or delete them",
                     std::chrono::seconds{60}};
    }
    auto kept = of(path, "delivery");
    if (kept.has_error())
      return kept.error();
    json::object what;
    what["webhook"] = hook.key;
    what["event"] = event;
    what["memory"] = id.to_string();
    what["attempts"] = 0;
    what["due"] = now_ms();
    if (auto done = kept->put(secret_name(), what); done.has_error())
      return done.error();
    std::lock_guard guard{mutex_};
    due_[path] = clock::now();
    changed_.notify_one();
  }
  return {};
}

/// What the process before has left.
void webhook_outbox::find_unfinished() {
  auto all = store_.list_organizations();
  if (all.has_error())
    return;
  std::lock_guard guard{mutex_};
  for (const auto& each : all->scopes)
    if (!each.erased_at)
      due_.emplace(std::string{each.name.path()}, clock::now());
}

std::optional<std::string> webhook_outbox::next_organization() {
  std::unique_lock guard{mutex_};
  for (;;) {
    if (ends_)
      return std::nullopt;
    auto next = due_.end();
    for (auto at = due_.begin(); at != due_.end(); ++at)
      if (!busy_.contains(at->first)
          && (next == due_.end() || at->second < next->second))
        next = at;
    if (next == due_.end()) {
      changed_.wait(guard);
      continue;
    }
    if (next->second > clock::now()) {
      auto until = next->second;
      changed_.wait_until(guard, until);
      continue;
    }
    auto out = next->first;
    due_.erase(next);
    busy_.insert(out);
    return out;
  }
}

void webhook_outbox::loop() {
  while (auto organization = next_organization()) {
    try {
      deliver_all(*organization);
    } catch (const std::exception&) {
      // What it says may quote what was to be sent.
      look_again(*organization, now_ms() + pause_max.count());
    }
    std::lock_guard guard{mutex_};
    busy_.erase(*organization);
    changed_.notify_all();
  }
}

std::int64_t webhook_outbox::resting_until(const std::string& hook) {
  std::lock_guard guard{mutex_};
  auto found = resting_.find(hook);
  return found == resting_.end() ? 0 : found->second;
}

void webhook_outbox::rest(const std::string& hook, std::int64_t until) {
  std::lock_guard guard{mutex_};
  std::erase_if(resting_,
                [](const auto& each) { return each.second < now_ms(); });
  resting_[hook] = until;
}

/// One round. What fails holds back only what is for the same webhook.
void webhook_outbox::deliver_all(const std::string& organization) {
  auto kept = of(organization, "delivery");
  auto waiting
    = kept ? kept->all() : result<std::vector<document>>{kept.error()};
  std::optional<std::int64_t> next;
  auto at_latest
    = [&](std::int64_t due) { next = std::min(next.value_or(due), due); };
  auto began = clock::now();
  if (waiting.has_error() && waiting.error().code != errc::erased)
    at_latest(now_ms() + how_.first_pause.count());
  if (waiting) {
    std::lock_guard guard{mutex_};
    waiting_[organization] = waiting->size();
  }
  for (auto& each : waiting ? *waiting : std::vector<document>{}) {
    {
      std::lock_guard guard{mutex_};
      if (ends_)
        return;
    }
    if (clock::now() - began > round_max) {
      at_latest(now_ms());
      break;
    }
    auto key = text_of(each.content, "webhook");
    // It may have been deleted, or lead elsewhere, since the last.
    auto hook = hook_named(organization, key);
    auto attempts = number_of(each.content, "attempts");
    if (!hook || attempts < 0 || attempts >= attempts_max) {
      static_cast<void>(kept->remove(each.id));
      continue;
    }
    auto due = number_of(each.content, "due");
    if (auto rests_until = std::max(due, resting_until(key));
        rests_until > now_ms()) {
      at_latest(rests_until);
      continue;
    }
    if (deliver(organization, *hook, each)) {
      static_cast<void>(kept->remove(each.id));
      continue;
    }
    auto pause
      = std::min(how_.first_pause * (std::int64_t{1} << attempts), pause_max);
    rest(key, now_ms() + pause.count());
    each.content["attempts"] = attempts + 1;
    each.content["due"] = now_ms() + pause.count();
    constexpr std::string_view prefix = "delivery.";
    static_cast<void>(kept->put(each.key.substr(prefix.size()), each.content));
    at_latest(now_ms() + pause.count());
  }
  if (next)
    look_again(organization, *next);
}

void webhook_outbox::look_again(const std::string& organization,
                                std::int64_t due) {
  auto wait = std::clamp<std::int64_t>(due - now_ms(), 0, pause_max.count());
  auto at = clock::now() + std::chrono::milliseconds{wait};
  std::lock_guard guard{mutex_};
  auto [place, is_new] = due_.try_emplace(organization, at);
  if (!is_new && at < place->second)
    place->second = at;
}

/// What is gone is told by its id alone. Empty for what is no delivery.
result<std::string> webhook_outbox::body_of(const std::string& organization,
                                            const document& what) const {
  auto event = text_of(what.content, "event");
  auto id = memory_id::parse(text_of(what.content, "memory"));
  if (id.has_error())
    return std::string{};
  json::object data;
  data["memory"] = nullptr;
  if (event != "memory_delete") {
    auto opened = store_.organization(organization);
    auto root = opened ? opened->client() : result<client>{opened.error()};
    if (root.has_error())
      return root.error();
    auto holders = root->find_holders(*id);
    if (holders.has_error())
      return holders.error();
    for (const auto& name : *holders) {
      auto bound = opened->client(name.path());
      auto found
        = bound ? bound->get_memory(*id) : result<memory>{bound.error()};
      if (found)
        data["memory"] = found->content;
      else if (found.error().code != errc::not_found
               && found.error().code != errc::erased)
        return found.error();
    }
  }
  json::object details;
  details["id"] = id->to_string();
  details["data"] = std::move(data);
  details["event"] = event == "memory_add"      ? "ADD"
                     : event == "memory_update" ? "UPDATE"
                                                : "DELETE";
  json::object body;
  body["event_details"] = std::move(details);
  body["type"] = event;
  return to_json_text(body);
}

bool webhook_outbox::deliver(const std::string& organization,
                             const document& hook, const document& what) const {
  auto body = body_of(organization, what);
  if (body.has_error())
    return false;
  if (body->empty())
    return true;
  auto [server, path] = split(text_of(hook.content, "url"));
  http_client_options how;
  how.patience = patience;
  how.only_public = !how_.allows_private;
  how.body_bytes_max = 64 * 1024;
  auto to = http_client::to(server, how);
  auto name = scope::parse(organization);
  if (to.has_error() || name.has_error())
    return false;
  auto at = std::to_string(now_ms() / 1000);
  auto answer = to->ask(
    http_method::post, path,
    {{"Content-Type", "application/json"},
     {"webhook-id", what.key},
     {"webhook-timestamp", at},
     {"webhook-signature",
      webhook_signature(secret_of(*name, hook.key), what.key, at, *body)}},
    *body);
  return answer && answer->status >= 200 && answer->status < 300;
}

std::optional<error> webhook_outbox::refused_url(std::string_view url) const {
  constexpr std::size_t url_bytes_max = 2048;
  auto has_control = std::any_of(url.begin(), url.end(), [](char letter) {
    return static_cast<unsigned char>(letter) <= ' ' || letter == 0x7f;
  });
  auto [server, path] = split(std::string{url});
  http_client_options how;
  how.only_public = !how_.allows_private;
  auto to = http_client::to(server, how);
  if (url.size() > url_bytes_max || has_control || to.has_error()
      || url.find('@') < url.find('/', 8))
    return error{errc::invalid_argument, "url is the address of a server, like "
                                         "https://example.com/hook"};
  return to->refused_address();
}

} // namespace cloister::server
