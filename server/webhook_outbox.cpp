// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/webhook_outbox.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/json_text.hpp"
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
constexpr std::chrono::seconds patience{10};
/// Doubled pauses from five seconds on are a day by then.
constexpr std::int64_t attempts_max = 15;
constexpr std::chrono::milliseconds pause_max{6 * 3600 * 1000};
constexpr std::size_t waiting_max = 10'000;

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
                                 && std::string_view{each.get_string()} == event;
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
  auto opened = store_.organization(organization);
  if (opened.has_error())
    return opened.error();
  auto bound = opened->client(mem0::own_segment);
  if (bound.has_error())
    return bound.error();
  return documents{*bound, std::move(kind)};
}

result<std::vector<mem0::document>>
webhook_outbox::hooks_of(const std::string& organization) {
  {
    std::lock_guard guard{mutex_};
    auto known = hooks_.find(organization);
    if (known != hooks_.end())
      return known->second;
  }
  auto kept = of(organization, "webhook");
  if (kept.has_error())
    return kept.error();
  auto found = kept->all();
  if (found) {
    std::lock_guard guard{mutex_};
    hooks_[organization] = *found;
  }
  return found;
}

void webhook_outbox::forget(const scope& organization) {
  std::lock_guard guard{mutex_};
  hooks_.erase(std::string{organization.path()});
}

result<void> webhook_outbox::note(const scope& organization,
                                  std::string_view event,
                                  const json::object& details) {
  std::string path{organization.path()};
  auto hooks = hooks_of(path);
  if (hooks.has_error())
    return hooks.error();
  bool any = false;
  for (const auto& hook : *hooks) {
    if (!wants(hook, event))
      continue;
    auto kept = of(path, "delivery");
    if (kept.has_error())
      return kept.error();
    json::object body;
    body["event_details"] = details;
    body["type"] = event;
    json::object what;
    what["webhook"] = hook.key;
    what["body"] = to_json_text(body);
    what["attempts"] = 0;
    what["due"] = now_ms();
    if (auto done = kept->put(secret_name(), what); done.has_error())
      return done.error();
    any = true;
  }
  if (any) {
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
    deliver_all(*organization);
    std::lock_guard guard{mutex_};
    busy_.erase(*organization);
    changed_.notify_all();
  }
}

void webhook_outbox::deliver_all(const std::string& organization) {
  auto kept = of(organization, "delivery");
  if (kept.has_error())
    return;
  auto waiting = kept->all();
  auto hooks = hooks_of(organization);
  std::optional<std::int64_t> next;
  if (waiting.has_error() || hooks.has_error())
    next = now_ms() + how_.first_pause.count();
  if (!next)
    for (auto& each : *waiting) {
      {
        std::lock_guard guard{mutex_};
        if (ends_)
          return;
      }
      auto due = number_of(each.content, "due");
      auto hook
        = std::find_if(hooks->begin(), hooks->end(), [&](const auto& known) {
            return known.key == text_of(each.content, "webhook");
          });
      auto attempts = number_of(each.content, "attempts");
      if (hook == hooks->end() || attempts >= attempts_max) {
        static_cast<void>(kept->remove(each.id));
        continue;
      }
      if (due > now_ms()) {
        next = std::min(next.value_or(due), due);
        continue;
      }
      if (deliver(organization, *hook, each)) {
        static_cast<void>(kept->remove(each.id));
        continue;
      }
      auto pause
        = std::min(how_.first_pause * (std::int64_t{1} << attempts), pause_max);
      due = now_ms() + pause.count();
      each.content["attempts"] = attempts + 1;
      each.content["due"] = due;
      static_cast<void>(kept->put(each.key.substr(std::string{"delivery."}.size()),
                                  each.content));
      next = std::min(next.value_or(due), due);
    }
  if (!next)
    return;
  std::lock_guard guard{mutex_};
  auto at = clock::now() + std::chrono::milliseconds{*next - now_ms()};
  auto [place, is_new] = due_.try_emplace(organization, at);
  if (!is_new && at < place->second)
    place->second = at;
}

bool webhook_outbox::deliver(const std::string&, const document& hook,
                             const document& what) const {
  auto [server, path] = split(text_of(hook.content, "url"));
  http_client_options how;
  how.patience = patience;
  how.only_public = !how_.allows_private;
  how.body_bytes_max = 64 * 1024;
  auto to = http_client::to(server, how);
  if (to.has_error())
    return false;
  auto id = what.key;
  auto at = std::to_string(now_ms() / 1000);
  auto body = text_of(what.content, "body");
  auto answer = to->ask(
    http_method::post, path,
    {{"Content-Type", "application/json"},
     {"webhook-id", id},
     {"webhook-timestamp", at},
     {"webhook-signature",
      webhook_signature(text_of(hook.content, "secret"), id, at, body)}},
    body);
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
    return error{errc::invalid_argument,
                 "url is the address of a server, like "
                 "https://example.com/hook"};
  return to->refused_address();
}

} // namespace cloister::server
