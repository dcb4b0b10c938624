// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/session_table.hpp"

#include <algorithm>

#include "core/limits.hpp"
#include "core/organization_share.hpp"

namespace cloister::engine {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

/// A use is written down once it is this part of the idle time ago.
constexpr int uses_written_per_idle_time = 16;
constexpr nanoseconds use_written_max{std::chrono::minutes{1}};

} // namespace

std::string_view to_string(session_end why) noexcept {
  switch (why) {
    case session_end::none:
      return "open";
    case session_end::closed:
      return "closed";
    case session_end::idle:
      return "idle timeout";
    case session_end::absolute:
      return "absolute timeout";
    case session_end::lease:
      return "lease not renewed";
    case session_end::owner_ended:
      return "its owner ended";
    case session_end::handle_gone:
      return "its handle went out of scope";
    case session_end::runtime_closed:
      return "the runtime closed";
    case session_end::scope_erased:
      return "its scope was erased";
    case session_end::failed:
      return "it failed";
    case session_end::process_ended:
      return "the process ended";
  }
  return "ended";
}

error ended_error(session_end why) {
  auto reason
    = why == session_end::none ? "" : " (" + std::string{to_string(why)} + ')';
  return {errc::erased, "the session has ended" + reason
                          + ", and its memories are gone; open a new one"};
}

live_session::live_session(scope name, persistence::session_record record,
                           std::uint64_t place,
                           std::shared_ptr<const clock> time)
  : name_(std::move(name)),
    record_(std::move(record)),
    place_(place),
    time_(std::move(time)),
    used_(steady_of(record_.used_at).count()),
    renewed_(steady_of(record_.renewed_at).count()),
    written_(used_.load()) {
  if (record_.ends_at)
    ends_ = steady_of(*record_.ends_at).count();
}

nanoseconds live_session::steady_of(timestamp at) const {
  return time_->steady()
         + milliseconds{at.milliseconds - time_->now().milliseconds};
}

timestamp live_session::calendar_of(std::int64_t steady) const {
  auto from_now = nanoseconds{steady} - time_->steady();
  return {time_->now().milliseconds
          + std::chrono::floor<milliseconds>(from_now).count()};
}

persistence::session_record live_session::record_now() const {
  auto out = record_;
  out.used_at = calendar_of(used_.load());
  out.renewed_at = calendar_of(renewed_.load());
  return out;
}

void live_session::renew() {
  auto now = time_->steady().count();
  used_.store(now);
  renewed_.store(now);
}

std::optional<nanoseconds> live_session::deadline() const {
  std::optional<std::int64_t> first = ends_;
  auto consider = [&first](std::int64_t from, milliseconds span) {
    if (span.count() > 0)
      first
        = std::min(first.value_or(INT64_MAX), from + nanoseconds{span}.count());
  };
  consider(used_.load(std::memory_order_relaxed), record_.idle);
  consider(renewed_.load(std::memory_order_relaxed), record_.lease);
  if (!first)
    return std::nullopt;
  return nanoseconds{*first};
}

std::optional<timestamp> live_session::expires_at() const {
  auto at = deadline();
  if (!at)
    return std::nullopt;
  return calendar_of(at->count());
}

session_end live_session::due() const {
  auto now = time_->steady();
  if (ends_ && now.count() >= *ends_)
    return session_end::absolute;
  if (record_.lease.count() > 0
      && now >= nanoseconds{renewed_.load()} + record_.lease)
    return session_end::lease;
  if (record_.idle.count() > 0
      && now >= nanoseconds{used_.load()} + record_.idle)
    return session_end::idle;
  return session_end::none;
}

void live_session::note_received(const std::vector<passed_scope>& path) {
  std::lock_guard guard{received_mutex_};
  for (const auto& passed : path)
    if (!received_.contains(passed.tag)) {
      received_much_ = received_.size() >= limits::session_sources_max;
      if (received_much_)
        return;
      received_.insert(passed.tag);
    }
}

bool live_session::has_received(const persistence::scope_tag& source) const {
  std::lock_guard guard{received_mutex_};
  return received_much_ || received_.contains(source);
}

bool live_session::take_use_to_write(bool any) {
  if (record_.idle.count() == 0)
    return false;
  auto step = std::min(nanoseconds{record_.idle} / uses_written_per_idle_time,
                       use_written_max);
  auto used = used_.load();
  auto since = nanoseconds{used - written_.load()};
  if (any ? since.count() == 0 : since < step)
    return false;
  written_.store(used);
  return true;
}

bool live_session::watch(std::function<void(session_end)> told) {
  std::lock_guard guard{watchers_mutex_};
  if (told_)
    return false;
  watchers_.push_back(std::move(told));
  return true;
}

std::vector<std::function<void(session_end)>> live_session::take_watchers() {
  std::lock_guard guard{watchers_mutex_};
  told_ = true;
  return std::exchange(watchers_, {});
}

// -- the table --

session_table::session_table(std::shared_ptr<const clock> time)
  : time_(std::move(time)) {}

namespace {

std::size_t counted(const std::unordered_map<std::string, std::size_t>& in,
                    const scope& name) {
  auto at = in.find(std::string{name.path()});
  return at == in.end() ? 0 : at->second;
}

void count_down(std::unordered_map<std::string, std::size_t>& in,
                const scope& name) {
  auto at = in.find(std::string{name.path()});
  if (--at->second == 0)
    in.erase(at);
}

} // namespace

result<std::uint64_t> session_table::reserve(const scope& parent,
                                             std::uint64_t max,
                                             std::uint64_t max_below) {
  std::lock_guard guard{mutex_};
  if (counted(of_organizations_, parent.organization()) >= max
      || counted(of_parents_, parent) >= max_below
      || reserved_ >= limits::sessions_per_node_max)
    return error{errc::quota_exceeded,
                 "too many sessions are open; end some of them first"};
  count_locked(parent);
  if (free_places_.empty())
    return next_place_++;
  auto first = *free_places_.begin();
  free_places_.erase(free_places_.begin());
  return first;
}

void session_table::count_locked(const scope& parent) {
  ++of_organizations_[std::string{parent.organization().path()}];
  ++of_parents_[std::string{parent.path()}];
  ++reserved_;
}

void session_table::take(const scope& parent, std::uint64_t place) {
  std::lock_guard guard{mutex_};
  count_locked(parent);
  take_place_locked(place);
}

void session_table::take_damaged(std::uint64_t place) {
  std::lock_guard guard{mutex_};
  take_place_locked(place);
  has_damaged_ = true;
}

void session_table::take_stale(std::uint64_t place) {
  std::lock_guard guard{mutex_};
  take_place_locked(place);
}

void session_table::end_of_list() {
  std::lock_guard guard{mutex_};
  is_read_ = true;
}

bool session_table::is_settled() const {
  std::lock_guard guard{mutex_};
  return is_read_ && uncertain_.empty();
}

bool session_table::is_complete() const {
  std::lock_guard guard{mutex_};
  return is_read_ && !has_damaged_ && uncertain_.empty();
}

void session_table::take_place_locked(std::uint64_t place) {
  free_places_.erase(place);
  for (; next_place_ <= place; ++next_place_)
    if (next_place_ != place)
      free_places_.insert(next_place_);
}

void session_table::release(const scope& parent, std::uint64_t place) {
  std::lock_guard guard{mutex_};
  count_down(of_organizations_, parent.organization());
  count_down(of_parents_, parent);
  --reserved_;
  free_places_.insert(place);
}

void session_table::schedule_locked(entry& of) {
  if (auto at = of.session->deadline())
    of.due = schedule_.emplace(*at, of.session);
}

void session_table::unschedule_locked(entry& of) {
  if (of.due)
    schedule_.erase(*of.due);
  of.due.reset();
}

void session_table::add(const live_session_ptr& opened) {
  std::lock_guard guard{mutex_};
  if (opened->was_removed_)
    return;
  auto [at, fresh]
    = open_.try_emplace(std::string{opened->name().path()}, entry{opened, {}});
  if (fresh)
    schedule_locked(at->second);
}

void session_table::note_uncertain(const live_session_ptr& opened) {
  std::lock_guard guard{mutex_};
  uncertain_.insert_or_assign(std::string{opened->name().path()}, opened);
}

live_session_ptr session_table::take_uncertain(const scope& name) {
  std::lock_guard guard{mutex_};
  auto found = uncertain_.find(name.path());
  if (found == uncertain_.end())
    return nullptr;
  auto out = std::move(found->second);
  uncertain_.erase(found);
  return out;
}

std::vector<live_session_ptr> session_table::take_all_uncertain() {
  std::lock_guard guard{mutex_};
  std::vector<live_session_ptr> out;
  for (auto& [path, each] : std::exchange(uncertain_, {}))
    out.push_back(std::move(each));
  return out;
}

void session_table::remove(live_session& ended) {
  std::lock_guard guard{mutex_};
  ended.was_removed_ = true;
  auto path = std::string{ended.name().path()};
  auto at = open_.find(path);
  if (at == open_.end() || at->second.session.get() != &ended)
    return;
  unschedule_locked(at->second);
  open_.erase(at);
  if (reasons_.insert_or_assign(path, ended.ended()).second)
    reasons_in_order_.push_back(std::move(path));
  if (reasons_in_order_.size() > limits::ended_sessions_remembered) {
    reasons_.erase(reasons_in_order_.front());
    reasons_in_order_.pop_front();
  }
}

void session_table::add_memory(const scope& session, std::int64_t bytes) {
  memory_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  std::lock_guard guard{memory_mutex_};
  auto own = memory_of_organizations_
               .try_emplace(std::string{session.organization().path()}, 0)
               .first;
  own->second += bytes;
  if (own->second == 0)
    memory_of_organizations_.erase(own);
}

bool session_table::is_full_for(const scope& any) const {
  constexpr auto most = limits::sessions_memory_bytes_max;
  if (memory_bytes() > most)
    return true;
  std::lock_guard guard{memory_mutex_};
  auto own
    = memory_of_organizations_.find(std::string{any.organization().path()});
  return own != memory_of_organizations_.end()
         && own->second > organization_share(most);
}

live_session_ptr session_table::find(const scope& name) const {
  std::lock_guard guard{mutex_};
  auto at = open_.find(name.path());
  return at == open_.end() ? nullptr : at->second.session;
}

session_end session_table::why_ended(const scope& name) const {
  std::lock_guard guard{mutex_};
  auto at = reasons_.find(std::string{name.path()});
  return at == reasons_.end() ? session_end::none : at->second;
}

std::vector<live_session_ptr> session_table::below(const scope& name) const {
  std::lock_guard guard{mutex_};
  std::vector<live_session_ptr> out;
  for (auto at = open_.lower_bound(name.path());
       at != open_.end() && at->first.starts_with(name.path()); ++at)
    if (name.contains(at->second.session->name()))
      out.push_back(at->second.session);
  return out;
}

std::vector<live_session_ptr> session_table::all() const {
  std::lock_guard guard{mutex_};
  std::vector<live_session_ptr> out;
  out.reserve(open_.size());
  for (const auto& [path, each] : open_)
    out.push_back(each.session);
  return out;
}

std::vector<live_session_ptr> session_table::take_due() {
  std::lock_guard guard{mutex_};
  auto out = std::exchange(lost_, {});
  auto now = time_->steady();
  std::vector<live_session_ptr> later;
  while (!schedule_.empty() && schedule_.begin()->first <= now) {
    auto session = schedule_.begin()->second;
    auto& of = open_.at(std::string{session->name().path()});
    unschedule_locked(of);
    // It may have been used since.
    if (session->due() != session_end::none)
      out.push_back(std::move(session));
    else
      schedule_locked(of);
  }
  return out;
}

void session_table::note_lost(const live_session_ptr& lost) {
  lost->set_lost();
  std::lock_guard guard{mutex_};
  lost_.push_back(lost);
}

void session_table::reschedule(const live_session_ptr& changed) {
  std::lock_guard guard{mutex_};
  auto at = open_.find(changed->name().path());
  if (at == open_.end() || at->second.session != changed)
    return;
  unschedule_locked(at->second);
  schedule_locked(at->second);
}

void session_table::note_expiry(const scope& name, timestamp at) {
  std::lock_guard guard{mutex_};
  auto found = open_.find(name.path());
  if (found == open_.end())
    return;
  auto& first = found->second.first_expiry;
  first = std::min(first.value_or(at), at);
}

std::vector<live_session_ptr> session_table::take_expiring() {
  std::lock_guard guard{mutex_};
  std::vector<live_session_ptr> out;
  auto now = time_->now();
  for (auto& [path, each] : open_)
    if (each.first_expiry && *each.first_expiry <= now) {
      each.first_expiry.reset();
      out.push_back(each.session);
    }
  return out;
}

std::size_t session_table::size() const {
  std::lock_guard guard{mutex_};
  return open_.size();
}

std::size_t session_table::of_organization(const scope& organization) const {
  std::lock_guard guard{mutex_};
  return counted(of_organizations_, organization);
}

std::size_t session_table::directly_below(const scope& parent) const {
  std::lock_guard guard{mutex_};
  return counted(of_parents_, parent);
}

} // namespace cloister::engine
