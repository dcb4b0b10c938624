// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "engine/erasures.hpp"
#include "engine/key_ring.hpp"
#include "engine/ledger.hpp"
#include "engine/memory_table.hpp"
#include "engine/pruner.hpp"
#include "engine/refusal_counter.hpp"
#include "engine/requests.hpp"
#include "engine/scope_change.hpp"
#include "engine/services.hpp"
#include "engine/step.hpp"
#include "persistence/session_store.hpp"

namespace cloister::engine {

/// Everything a scope's storage says, as `load_scope` reads it.
struct loaded_scope {
  /// The store's generation when reading began.
  std::uint64_t generation = 0;
  persistence::scope_head head;
  memory_table memories;
  /// Parts of an index's checkpoint, and how many documents it has; none where
  /// it is void.
  std::uint64_t checkpoint_parts = 0;
  std::size_t checkpoint_documents = 0;
  key_ring keys;
  std::unordered_map<std::uint64_t, std::vector<old_revision>> history;
  std::unordered_map<std::string, idempotency_record> idempotency;
  /// Its own; an organization's are in its settings.
  quota limits = {};
};

///   idempotency := version:u8 id:16 draft:16 expires:be64
bytes encode_idempotency(const idempotency_record& record);
result<idempotency_record> decode_idempotency(bytes_view data);

/// A scope without anything in it; the caller sets the head.
loaded_scope new_scope(const services& with,
                       const persistence::scope_identity& identity);

/// Reads a scope from the store and checks it against its head. May read the
/// disk for long: loaders call it. Fails with `corrupted` if a record is
/// damaged, lost or came back.
result<loaded_scope> load_scope(const services& with,
                                const persistence::scope_identity& identity);

class filter_scan;
class nearest;

/// What a change is answered with whose engine's state is out of date.
inline error being_read_again() {
  return {errc::unavailable, "the scope is being read again; try again",
          limits::overload_retry_hint};
}

/// A scope that was erased, and when: keys from before are not of what has the
/// name now.
struct erased_name {
  scope name;
  timestamp at;
};

/// Everything one scope can do, for one thread at a time. No threads, no
/// actors, and no reads from the disk: what needs one comes out as a `step`.
///
/// Reads see committed state. Checks of uniqueness and revision see committed
/// state and what is in flight. After a failed batch the engine refuses writes
/// until `reload` has brought it up to date; reads go on.
class scope_engine {
public:
  scope_engine(services with, persistence::identity_ptr identity,
               loaded_scope state);

  /// The engine of an ephemeral session that was just opened.
  scope_engine(services with, const opened_session& opened,
               std::shared_ptr<persistence::session_store> own_records);

  scope_engine(const scope_engine&) = delete;
  scope_engine& operator=(const scope_engine&) = delete;
  ~scope_engine();

  /// Starts an operation. Asserts that the grant is for this scope.
  step begin(std::shared_ptr<request> asked);

  /// What puts pending audit entries into the chain, or an answer at once if
  /// there are none.
  step flush_audit();

  /// Notes what was only counted so far; before the scope sleeps.
  result<void> note_repeated();

  /// Whether `flush_audit` has something to do.
  bool has_pending_audit() const {
    return ledger_.has_pending();
  }

  /// Whether a failed batch, or a reopened store, made the head unreliable:
  /// the next change wants a `reload` first.
  bool needs_reload() const {
    return stale_ || with_.records.generation() != generation_
           || must_index_again();
  }

  /// Whether an operation must wait for the reload that is needed: changes do,
  /// and searches if the organization's language is another now.
  bool waits_for_reload(const request& asked) const;

  /// Whether batches are on their way, whose outcome a reload must wait for.
  bool has_in_flight() const {
    return in_flight_ > 0;
  }

  /// Whether the index has grown so much since its last checkpoint that writing
  /// one before going to sleep saves more than it costs.
  bool wants_checkpoint() const;
  step write_checkpoint();

  /// Replaces everything by what `load_scope` read.
  void reload(loaded_scope state);

  /// The same for an ephemeral session, of which the store has nothing but the
  /// audit chain.
  void reload_ledger(const persistence::scope_head& head);

  /// Ends an ephemeral session that has nothing in flight, and lets go of its
  /// keys; all that is left to be done with this engine is to destroy it.
  /// Nothing where how far its chain goes has to be read.
  std::optional<session_remains> close_session();

  const persistence::identity_ptr& identity() const {
    return identity_;
  }

  /// Tells organizations apart where they share something.
  std::uint64_t organization_number() const {
    return byte_reader{view_of(identity_->root().tag)}.u64();
  }

  /// Bytes of heap memory, roughly.
  std::size_t memory_bytes() const;

private:
  /// Indexes what was committed, for as long as the budget lasts. Returns
  /// whether all is indexed.
  bool index_more();

  using effects = change_effects;
  using tentative = tentative_memory;
  using change = scope_change;

  // -- dispatch (scope_engine.cpp) --
  step run(std::shared_ptr<request> asked);
  step refuse(const request& asked, error why,
              std::vector<memory_id> targets = {});
  step refuse(auth::audit_entry entry, error why);
  auth::audit_entry entry_of(const request& asked) const;
  step answered(auth::audit_entry entry, answer done);
  bool is_live(const memory_row& row) const;
  /// A step that fetches records that are not cached and runs again, if any.
  std::optional<step> fetch_missing(const std::shared_ptr<request>& asked,
                                    const std::vector<std::uint32_t>& rows);
  /// What was read, by sequence.
  using fetched_records = std::vector<std::pair<std::uint64_t, result<bytes>>>;
  /// Takes a record with its row and its revision.
  using keep_record = std::function<void(std::uint32_t, std::uint32_t, bytes)>;
  step fetch(const std::shared_ptr<request>& asked,
             std::vector<std::uint64_t> missing, keep_record keep);
  std::optional<error> admit(fetched_records& fetched, const keep_record& keep);
  step submit(change made, answer done);
  step send(change made, auth::audit_entry* own, answer done);
  void drop_checkpoint(change& to);
  step
  commit_for_erasure(const std::shared_ptr<persistence::write_batch>& batch,
                     std::vector<auth::audit_entry> entries,
                     std::function<step(const result<void>&)> then);
  step committed(const std::shared_ptr<change>& made, std::uint64_t journaled,
                 answer done, const result<void>& outcome);
  void apply(effects& becomes);
  void apply_row(effects::row_change& changed);
  void apply_history(effects& becomes);
  bool must_index_again() const {
    // The index of an ephemeral session stays in the language it began with.
    return !identity_->ephemeral
           && memories_.index().in() != identity_->settings->search_language();
  }
  /// What is derived from the state that was read.
  void count_state();
  void settle_tentative(const effects& becomes);

  // -- writes (scope_writes.cpp, and removals in scope_removals.cpp) --
  step create(const std::shared_ptr<request>& asked);
  step update(const std::shared_ptr<request>& asked);
  step remove(const std::shared_ptr<request>& asked);
  step remove_all(const std::shared_ptr<request>& asked);
  step removed_all(const std::shared_ptr<request>& asked, std::uint64_t count,
                   const result<void>& outcome, step settled);
  step restore(const std::shared_ptr<request>& asked);
  step restore_from(const std::shared_ptr<request>& asked,
                    const result<memory>& old, std::uint32_t read_at);
  step expire(const std::shared_ptr<request>& asked);
  std::optional<current_memory> current(const memory_id& id) const;
  std::optional<memory_id> current_key(const std::string& key) const;
  std::vector<std::uint32_t> rows_to_cache(const memory_id& id) const;
  std::vector<old_revision> current_history(std::uint64_t sequence) const;
  result<std::vector<repeated_draft>>
  repeated_drafts(const request& asked) const;
  void drop_expired_requests(change& to);
  memory memory_from(const memory_draft& draft, const request& asked,
                     timestamp now) const;
  static memory shaped(const memory_draft& draft, const request& asked,
                       timestamp now);
  bool is_expired(bytes_view record, timestamp now) const;
  /// Why embeddings cannot be stored here, if so: all have one dimension.
  std::optional<error>
  dimensions_refusal(const std::vector<const std::vector<float>*>& all) const;
  void put_new(change& to, const memory& made);
  void put_revision(change& to, const current_memory& old, const memory& made);
  void forget_expiry(change& to, const current_memory& old);
  void put_record(change& to, std::uint64_t sequence, const memory& made,
                  std::optional<bytes> replaced);
  void drop(change& to, const memory_id& id, const current_memory& old);
  void drop_revision(change& to, std::uint64_t sequence,
                     const old_revision& revision);
  tentative& touch(const memory_id& id, std::uint64_t sequence);
  void remember_request(change& to, const request& asked,
                        const memory_draft& draft, const memory_id& id);
  std::string idempotency_rest(const request& asked,
                               const std::string& key) const;
  crypto::short_digest draft_digest(const memory_draft& draft) const;
  static memory shown_to(const request& asked, memory value,
                         const memory_patch& sent);
  result<memory> patched(const memory& old, const memory_patch& patch,
                         const request& asked) const;

  // -- other data keys (scope_rekey.cpp) --
  struct rekey_run;
  using rekey_ptr = std::shared_ptr<rekey_run>;
  step rekey(std::vector<bytes> due);
  step rekey_pass(const rekey_ptr& run);
  step rekey_some(const rekey_ptr& run);
  step reseal(const rekey_ptr& run);
  void reseal_memory(change& to, const rekey_run& run, std::size_t at);
  step reseal_requests(const rekey_ptr& run);
  step rekey_done(const rekey_ptr& run);
  step rekey_on(const rekey_ptr& run);
  step rekey_failed(const rekey_ptr& run, const error& why);
  step give_up_rekey(const rekey_ptr& run);
  bool is_rekey_void(const rekey_ptr& run) const;
  step write_data_keys(const persistence::data_keys_ptr& next,
                       const std::shared_ptr<persistence::write_batch>& batch,
                       std::vector<auth::audit_entry> entries,
                       std::function<step(const result<void>&)> then);
  step send_resealed(const rekey_ptr& run, change made);
  auth::audit_entry rekey_entry() const;
  void note_purge(change& to);
  void apply_resealed(effects& becomes);

  // -- reads (scope_reads.cpp) --
  step get(const std::shared_ptr<request>& asked, const memory_id& id);
  std::optional<bool> admits(const std::optional<memory_filter>& filter,
                             const request& asked, std::uint32_t row) const;
  std::optional<step> fetch_for_answer(const std::shared_ptr<request>& asked,
                                       std::vector<std::uint32_t>& rows);
  const bytes* record_for(const request& asked, std::uint32_t row) const;
  bool is_late(const request& asked) const;
  step scan_on(const std::shared_ptr<request>& asked,
               const std::shared_ptr<filter_scan>& scan);
  step scan_for_filter(const std::shared_ptr<request>& asked,
                       const memory_filter& filter);
  struct page_run;
  step list(const std::shared_ptr<request>& asked);
  step list_on(const std::shared_ptr<request>& asked,
               const std::shared_ptr<page_run>& run);
  step page_of(const std::shared_ptr<request>& asked, const page_run& run);
  step search(const std::shared_ptr<request>& asked);
  step search_on(const std::shared_ptr<request>& asked,
                 const std::shared_ptr<search::ranked_search>& run);
  step search_done(const std::shared_ptr<request>& asked,
                   const std::vector<search::scored_document>& best);
  step statistics(const std::shared_ptr<request>& asked);
  // (scope_vectors.cpp)
  step compare(const std::shared_ptr<request>& asked);
  step compare_on(const std::shared_ptr<request>& asked,
                  const std::shared_ptr<nearest>& found,
                  const std::shared_ptr<filter_scan>& scan);
  std::vector<std::uint32_t> near_rows(const request& asked) const;
  void add_near(const request& asked, const std::set<std::uint32_t>& rows,
                memory_hits& hits, auth::audit_entry& entry) const;
  step history(const std::shared_ptr<request>& asked);
  result<memory_origin> origin_of(const memory& value) const;
  memory decoded(std::uint32_t row) const;
  static memory decoded(bytes_view record);
  bool is_unchanged_at(const memory_id& id, std::uint32_t revision) const;

  // -- copies of what came from elsewhere (scope_copies.cpp) --
  void note_copy(change& to, const memory_origin& origin);
  step trace(const std::shared_ptr<request>& asked);
  step copies(const std::shared_ptr<request>& asked);
  step erase_copies(const std::shared_ptr<request>& asked);
  bool is_being_changed(std::span<const std::uint64_t> sequences) const;

  // -- keys (scope_keys.cpp) --
  step make_key(const std::shared_ptr<request>& asked);
  step keys(const std::shared_ptr<request>& asked);
  step revoke(const std::shared_ptr<request>& asked);
  step authenticated(const std::shared_ptr<request>& asked);
  step forget_keys_of_erased(const std::shared_ptr<request>& asked);
  step forgotten(const std::shared_ptr<request>& asked,
                 const std::vector<erased_name>& erased);
  void put_key(change& to, auth::key_record record);
  bool is_ephemeral_session(const scope& name) const;

  // -- quotas (scope_quotas.cpp) --
  void enter_quotas();
  void leave_quotas();
  usage growth_of(const request& asked,
                  const std::vector<repeated_draft>& repeated) const;
  static usage growth_of(const current_memory& old, const memory& made);
  std::optional<step> reserve(const std::shared_ptr<request>& asked,
                              const usage& more,
                              std::vector<memory_id> targets = {});
  step count_usage(const std::shared_ptr<request>& asked);
  void take_into_account(change& made);
  void release(effects& becomes);
  void adopt_settings(const persistence::organization_settings& settings);

  // -- administration (scope_admin.cpp) --
  step settings(const std::shared_ptr<request>& asked);
  std::optional<error> settings_refusal(const request& asked) const;
  step configure(const std::shared_ptr<request>& asked);
  step configured(const std::shared_ptr<request>& asked,
                  const result<std::optional<bytes>>& old);
  result<void> note_counted(std::vector<auth::audit_entry> entries);
  step create_child(const std::shared_ptr<request>& asked, const scope& name);
  step make_child(const std::shared_ptr<request>& asked, const scope& name,
                  const std::optional<session_to_open>& session);
  step adopt_child(const std::shared_ptr<request>& asked, change made,
                   const persistence::prepared_child& child,
                   const std::optional<session_to_open>& session);
  step erase(const std::shared_ptr<request>& asked);
  step reinstate(const std::shared_ptr<request>& asked);
  step reinstated(const std::shared_ptr<request>& asked,
                  const std::shared_ptr<change>& made,
                  const persistence::reinstated_child& found);
  erasures::owner lend_for_erasures();
  step show(const std::shared_ptr<request>& asked);
  result<persistence::organization_settings>
  settings_after(const request& asked) const;
  step scopes(const std::shared_ptr<request>& asked);
  step audit(const std::shared_ptr<request>& asked);
  // (scope_events.cpp)
  step events(const std::shared_ptr<request>& asked);
  step holders(const std::shared_ptr<request>& asked);
  step verify(const std::shared_ptr<request>& asked);
  step exported(const std::shared_ptr<request>& asked);
  step chain_ends(const std::shared_ptr<request>& asked);
  step note(const std::shared_ptr<request>& asked);
  step told(const std::shared_ptr<request>& asked);
  // (scope_pruning.cpp)
  step prune(const std::shared_ptr<request>& asked);
  step ended_below(const std::shared_ptr<request>& asked);
  pruner make_pruner();
  /// Flushes the chain, then does `work` on a loader and answers with it.
  step flushed_then(const std::shared_ptr<request>& asked,
                    std::function<result<answer>()> work);

  // -- sessions (scope_sessions.cpp) --
  step open_below(const std::shared_ptr<request>& asked);
  step renew(const std::shared_ptr<request>& asked);
  step sessions(const std::shared_ptr<request>& asked);
  step finish_below(const std::shared_ptr<request>& asked);
  step finish_with(const std::shared_ptr<request>& asked,
                   const session_remains& left);
  live_session_ptr put_session(change& to,
                               const persistence::scope_identity& child,
                               const session_to_open& what);
  result<std::optional<session_to_open>> session_in(const scope& name);
  result<std::shared_ptr<session_place>>
  reserve_place(const live_session_ptr& before = nullptr);
  void settle_session(const effects& becomes, bool is_known);
  std::optional<error> session_refusal(const request& asked) const;
  step change_own(change made, answer done);
  void look_for_own_due(expire_memories& what);

  /// Where this scope's records are read from.
  std::shared_ptr<const persistence::record_source> source() const {
    if (own_records_)
      return own_records_;
    // The store outlives all engines and what they started.
    return {std::shared_ptr<const void>{}, &with_.records};
  }

  services with_;
  persistence::identity_ptr identity_;
  /// Of an ephemeral session; its head, but for the audit chain's part, is what
  /// it was after the last change that was made.
  std::shared_ptr<persistence::session_store> own_records_;
  live_session_ptr own_session_;
  persistence::scope_head own_head_;
  ledger ledger_;
  refusal_counter refusals_;
  /// What this scope may not exceed; and its part in what its organization
  /// holds, as far as the organization has heard of it.
  quota limits_;
  std::shared_ptr<organization_usage> usage_;
  std::uint64_t usage_owner_ = next_load();
  usage accounted_;
  rate_table::hold rate_;
  memory_table memories_;
  key_ring keys_;
  std::unordered_map<std::uint64_t, std::vector<old_revision>> history_;
  std::size_t old_revisions_ = 0;
  std::unordered_map<std::string, idempotency_record> idempotency_;
  std::multimap<timestamp, std::string> request_expiries_;
  /// As it will be once everything in flight is committed.
  std::uint64_t checkpoint_parts_ = 0;
  std::size_t checkpoint_documents_ = 0;

  erasures erasures_{lend_for_erasures()};
  pruner pruner_{make_pruner()};

  // What is in flight.
  std::unordered_map<memory_id, tentative> tentative_;
  std::unordered_map<std::string, memory_id, string_hasher> tentative_keys_;
  std::unordered_map<std::string, std::size_t> tentative_requests_;
  std::set<std::string> children_in_flight_;
  std::size_t in_flight_ = 0;
  bool clearing_ = false;
  /// A change that waits until nothing is in flight; others wait behind it.
  const request* barrier_ = nullptr;
  bool stale_ = false;
  /// What is being moved to another data key, and whether it is written down
  /// that this has to be done some time.
  rekey_ptr rekey_;
  std::optional<timestamp> purge_noted_;
  std::uint64_t generation_ = 0;
  std::uint64_t load_ = next_load();
};

} // namespace cloister::engine
