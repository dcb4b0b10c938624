// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/assert.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/scope.hpp"
#include "persistence/session_record.hpp"

namespace cloister::engine {

/// Why a session ended. Its text is the reason in audit entries and errors.
enum class session_end : std::uint8_t {
  none,
  closed,
  idle,
  absolute,
  lease,
  owner_ended,
  handle_gone,
  runtime_closed,
  scope_erased,
  failed,
  process_ended,
};

std::string_view to_string(session_end why) noexcept;

/// What whoever uses a session that has ended is told.
error ended_error(session_end why);

/// One session that is open, and when it must end. Thread-safe.
class live_session {
public:
  live_session(scope name, persistence::session_record record,
               std::uint64_t place, std::shared_ptr<const clock> time);

  const scope& name() const {
    return name_;
  }
  bool resumable() const {
    return record_.resumable;
  }
  std::uint64_t place() const {
    return place_;
  }
  /// As it was opened.
  const persistence::session_record& record() const {
    return record_;
  }
  const persistence::scope_tag& tag() const {
    return record_.path.back();
  }
  /// As it is to be written down now.
  persistence::session_record record_now() const;

  void touch() {
    used_.store(time_->steady().count(), std::memory_order_relaxed);
  }
  /// Starts its lease and its idle time anew.
  void renew();

  /// When it is used no more; nothing if never.
  std::optional<std::chrono::nanoseconds> deadline() const;
  /// The same by the calendar.
  std::optional<timestamp> expires_at() const;
  /// Why it must end now, or `none`.
  session_end due() const;

  /// True for the first who calls it: it is up to them to end it.
  bool begin_end(session_end why) {
    CLOISTER_ASSERT(why != session_end::none);
    auto open = session_end::none;
    return ended_.compare_exchange_strong(open, why);
  }
  session_end ended() const {
    return ended_.load(std::memory_order_acquire);
  }

  /// Calls `told` when its end was brought about. False if it was already.
  bool watch(std::function<void(session_end)> told);
  /// Whoever is to be told; nobody watches it any more.
  std::vector<std::function<void(session_end)>> take_watchers();

  /// True for the first who calls it: it is up to them to give its place in the
  /// node's list back.
  bool begin_leaving() {
    return !leaving_.exchange(true);
  }

  /// Its actor is gone, and its memories with it.
  void set_lost() {
    lost_.store(true, std::memory_order_release);
  }
  bool is_lost() const {
    return lost_.load(std::memory_order_acquire);
  }

  /// An ephemeral one has something that came through these scopes; in memory
  /// only, as itself.
  void note_received(const std::vector<passed_scope>& path);
  bool has_received(const persistence::scope_tag& source) const;

  /// What an ephemeral one holds, for lists.
  void set_contents(std::uint64_t memories, std::uint64_t bytes) {
    memories_.store(memories, std::memory_order_relaxed);
    bytes_.store(bytes, std::memory_order_relaxed);
  }
  std::uint64_t memories() const {
    return memories_.load(std::memory_order_relaxed);
  }
  std::uint64_t bytes() const {
    return bytes_.load(std::memory_order_relaxed);
  }

  /// Whether it was used since that was last written down, by enough to do so
  /// again, or, with `any`, at all; takes it as written.
  bool take_use_to_write(bool any = false);

private:
  std::chrono::nanoseconds steady_of(timestamp at) const;
  timestamp calendar_of(std::int64_t steady) const;

  const scope name_;
  const persistence::session_record record_;
  const std::uint64_t place_;
  const std::shared_ptr<const clock> time_;
  /// Steady times in nanoseconds.
  std::atomic<std::int64_t> used_;
  std::atomic<std::int64_t> renewed_;
  std::atomic<std::int64_t> written_;
  std::optional<std::int64_t> ends_;
  std::atomic<session_end> ended_{session_end::none};
  std::atomic<bool> lost_{false};
  std::atomic<bool> leaving_{false};
  friend class session_table;
  /// Under the table's lock.
  bool was_removed_ = false;
  std::atomic<std::uint64_t> memories_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::mutex watchers_mutex_;
  std::vector<std::function<void(session_end)>> watchers_;
  bool told_ = false;
  mutable std::mutex received_mutex_;
  std::set<persistence::scope_tag> received_;
  /// More than are kept: it may have something of anybody.
  bool received_much_ = false;
};

using live_session_ptr = std::shared_ptr<live_session>;

/// The sessions of a node that are open. Thread-safe.
class session_table {
public:
  explicit session_table(std::shared_ptr<const clock> time);

  /// A place in the node's list for a session to be opened below `parent`, of
  /// which there may be so many in its organization and directly below it.
  /// Fails with `quota_exceeded`.
  result<std::uint64_t> reserve(const scope& parent, std::uint64_t max,
                                std::uint64_t max_below);
  /// The same for one that a start found there.
  void take(const scope& parent, std::uint64_t place);
  /// The same where whose it is cannot be told; it stays until the next start.
  void take_damaged(std::uint64_t place);
  /// Whether all sessions that are open are known: none is damaged, or may have
  /// been opened or not.
  bool is_complete() const;
  /// The same, but for those whose records are damaged: nothing is on its way.
  bool is_settled() const;
  /// The node's list was read to its end.
  void end_of_list();
  /// The place of one that is gone, and whose record is going.
  void take_stale(std::uint64_t place);
  /// It may be used again: nothing of it is in the list.
  void release(const scope& parent, std::uint64_t place);

  /// From then on it is found, unless it was removed already.
  void add(const live_session_ptr& opened);
  /// From then on it is found no more, and why it ended is remembered for a
  /// while.
  void remove(live_session& ended);

  /// One that was opened by a first write may be in the node's list, or not:
  /// it is to be looked for. Its place goes to the next attempt, if there is
  /// one.
  void note_uncertain(const live_session_ptr& opened);
  live_session_ptr take_uncertain(const scope& name);
  std::vector<live_session_ptr> take_all_uncertain();

  /// What the engines of ephemeral sessions hold in memory, by organization.
  void add_memory(const scope& session, std::int64_t bytes);
  std::int64_t memory_bytes() const {
    return memory_bytes_.load(std::memory_order_relaxed);
  }
  /// Whether they hold too much for a scope's organization to hold more: all of
  /// them together, or its own three quarters of that, which leaves others
  /// some.
  bool is_full_for(const scope& any) const;

  live_session_ptr find(const scope& name) const;
  /// Why a session ended, if that is remembered.
  session_end why_ended(const scope& name) const;
  /// Those at or below a scope, by name.
  std::vector<live_session_ptr> below(const scope& name) const;
  std::vector<live_session_ptr> all() const;

  /// Those that must end now, or whose actor is gone.
  std::vector<live_session_ptr> take_due();
  /// Looks at it when others are looked for that are due.
  void note_lost(const live_session_ptr& lost);
  /// Its deadline may be an earlier one now.
  void reschedule(const live_session_ptr& changed);

  /// Something in an ephemeral session expires then.
  void note_expiry(const scope& name, timestamp at);
  /// The sessions in which something has expired; takes them as dealt with.
  std::vector<live_session_ptr> take_expiring();

  std::size_t size() const;
  std::size_t of_organization(const scope& organization) const;
  /// Those that are open directly below a scope, or are being opened.
  std::size_t directly_below(const scope& parent) const;

private:
  using schedule = std::multimap<std::chrono::nanoseconds, live_session_ptr>;
  struct entry {
    live_session_ptr session;
    std::optional<schedule::iterator> due;
    /// When a memory of an ephemeral one expires.
    std::optional<timestamp> first_expiry = {};
  };

  void take_place_locked(std::uint64_t place);
  void count_locked(const scope& parent);
  void schedule_locked(entry& of);
  void unschedule_locked(entry& of);

  std::shared_ptr<const clock> time_;
  mutable std::mutex mutex_;
  std::map<std::string, entry, std::less<>> open_;
  schedule schedule_;
  std::vector<live_session_ptr> lost_;
  std::unordered_map<std::string, std::size_t> of_organizations_;
  std::unordered_map<std::string, std::size_t> of_parents_;
  std::size_t reserved_ = 0;
  std::set<std::uint64_t> free_places_;
  bool has_damaged_ = false;
  bool is_read_ = false;
  std::uint64_t next_place_ = 0;
  std::atomic<std::int64_t> memory_bytes_{0};
  mutable std::mutex memory_mutex_;
  std::unordered_map<std::string, std::int64_t> memory_of_organizations_;
  std::map<std::string, live_session_ptr, std::less<>> uncertain_;
  std::unordered_map<std::string, session_end> reasons_;
  std::deque<std::string> reasons_in_order_;
};

/// A place that was reserved: given back unless the session is about to be
/// written, also if whoever reserved it dies.
class session_place {
public:
  /// `before` is an attempt whose place it was, if there was one: it may have
  /// come about.
  session_place(std::shared_ptr<session_table> table, scope parent,
                std::uint64_t number, live_session_ptr before = nullptr)
    : table_(std::move(table)),
      parent_(std::move(parent)),
      number_(number),
      before_(std::move(before)) {}
  session_place(const session_place&) = delete;
  session_place& operator=(const session_place&) = delete;
  ~session_place() {
    if (kept_)
      return;
    if (before_)
      table_->note_uncertain(before_);
    else
      table_->release(parent_, number_);
  }

  /// It is the session's from now on.
  std::uint64_t keep() {
    kept_ = true;
    return number_;
  }

private:
  std::shared_ptr<session_table> table_;
  scope parent_;
  std::uint64_t number_;
  live_session_ptr before_;
  bool kept_ = false;
};

} // namespace cloister::engine
