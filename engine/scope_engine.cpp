// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/scope_engine.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "core/overloaded.hpp"
#include "crypto/aead.hpp"
#include "engine/index_checkpoint.hpp"
#include "engine/stored_records.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

scope_engine::scope_engine(services with, persistence::identity_ptr identity,
                           loaded_scope state)
  : with_(std::move(with)),
    identity_(std::move(identity)),
    ledger_(context_of(*identity_), state.head, with_.journal),
    limits_(state.limits),
    usage_(with_.usages->of(identity_->root().tag)),
    memories_(std::move(state.memories)),
    keys_(std::move(state.keys)),
    history_(std::move(state.history)),
    idempotency_(std::move(state.idempotency)),
    checkpoint_parts_(state.checkpoint_parts),
    checkpoint_documents_(state.checkpoint_documents),
    generation_(state.generation) {
  count_state();
  enter_quotas();
}

scope_engine::~scope_engine() {
  leave_quotas();
}

scope_engine::scope_engine(
  services with, const opened_session& opened,
  std::shared_ptr<persistence::session_store> own_records)
  : scope_engine(with, opened.identity, new_scope(with, *opened.identity)) {
  own_session_ = opened.session;
  own_records_ = std::move(own_records);
  auto head = ledger_.head();
  head.audit_head = auth::first_head(view_of(identity_->tag));
  ledger_.reset(head);
  own_head_ = head;
}

void scope_engine::count_state() {
  old_revisions_ = 0;
  for (const auto& [sequence, revisions] : history_)
    old_revisions_ += revisions.size();
  request_expiries_.clear();
  for (const auto& [rest, record] : idempotency_)
    request_expiries_.emplace(record.expires_at, rest);
}

void scope_engine::reload(loaded_scope state) {
  CLOISTER_ASSERT(in_flight_ == 0);
  ledger_.reset(state.head);
  memories_.replace(std::move(state.memories));
  checkpoint_parts_ = state.checkpoint_parts;
  checkpoint_documents_ = state.checkpoint_documents;
  for (auto& record : state.keys.below(identity_->root().name)) {
    auto tag = state.keys.find(record.id)->tag;
    keys_.put(std::move(record), tag);
  }
  history_ = std::move(state.history);
  idempotency_ = std::move(state.idempotency);
  tentative_.clear();
  tentative_keys_.clear();
  tentative_requests_.clear();
  clearing_ = false;
  barrier_ = nullptr;
  stale_ = false;
  purge_noted_.reset();
  // What is left of it is found out by the next one.
  rekey_.reset();
  generation_ = state.generation;
  load_ = next_load();
  limits_ = state.limits;
  count_state();
  enter_quotas();
}

std::size_t scope_engine::memory_bytes() const {
  return sizeof(*this) + memories_.memory_bytes() + history_.size() * 96
         + old_revisions_ * sizeof(old_revision) * 2 + idempotency_.size() * 160
         + keys_.size() * 400
         + (own_records_ ? own_records_->memory_bytes() : 0);
}

bool scope_engine::waits_for_reload(const request& asked) const {
  // Changes of an ephemeral session do not build on the store.
  if (!needs_reload() || identity_->ephemeral)
    return false;
  return is_change(asked.what) || (is_search(asked.what) && must_index_again());
}

step scope_engine::begin(std::shared_ptr<request> asked) {
  CLOISTER_ASSERT(asked->grant.target().contains(identity_->name)
                  || identity_->name.contains(asked->grant.target()));
  return run(std::move(asked));
}

step scope_engine::run(std::shared_ptr<request> asked) {
  // Changes too: nobody writes faster than it can be indexed.
  auto needs_index = is_search(asked->what) || is_change(asked->what);
  if (needs_index && !index_more())
    return again{[this, asked] { return run(asked); }};
  if (with_.before_operation)
    with_.before_operation(identity_->name, asked->grant.what());
  if (is_late(*asked)) {
    if (barrier_ == asked.get())
      barrier_ = nullptr;
    return refuse(*asked,
                  {errc::timeout, "the operation took too long; try again, "
                                  "or ask for less"});
  }
  // Before anything is built: a batch that is refused costs a reload.
  if (is_growth(asked->what) && with_.records.is_short_of_space())
    return refuse(*asked, persistence::short_of_space_error());
  if (auto why = session_refusal(*asked))
    return refuse(*asked, std::move(*why));
  if (barrier_ != nullptr && barrier_ != asked.get() && is_change(asked->what))
    return wait{[this, asked] { return run(asked); }};
  return std::visit(
    overloaded{
      [&](const create_memories&) { return create(asked); },
      [&](const get_memory& what) { return get(asked, what.id); },
      [&](const share_memory& what) { return get(asked, what.id); },
      [&](const list_memories&) { return list(asked); },
      [&](const search_memories&) { return search(asked); },
      [&](const gather_statistics&) { return statistics(asked); },
      [&](const update_memory&) { return update(asked); },
      [&](const delete_memory&) { return remove(asked); },
      [&](const delete_all_memories&) { return remove_all(asked); },
      [&](const memory_history&) { return history(asked); },
      [&](const restore_memory&) { return restore(asked); },
      [&](const expire_memories&) { return expire(asked); },
      [&](const trace_copies&) { return trace(asked); },
      [&](const find_copies&) { return copies(asked); },
      [&](const create_key&) { return make_key(asked); },
      [&](const list_keys&) { return keys(asked); },
      [&](const configure_organization&) { return configure(asked); },
      [&](const configure_scope&) { return configure(asked); },
      [&](const show_settings&) { return settings(asked); },
      [&](const revoke_key&) { return revoke(asked); },
      [&](const forget_keys&) { return forget_keys_of_erased(asked); },
      [&](const authenticate&) { return authenticated(asked); },
      [&](const open_child& what) { return create_child(asked, what.name); },
      [&](const open_session&) { return open_below(asked); },
      [&](const renew_session&) { return renew(asked); },
      [&](const list_sessions&) { return sessions(asked); },
      [&](const finish_session&) { return finish_below(asked); },
      [&](const erase_child&) { return erase(asked); },
      [&](const reinstate_child&) { return reinstate(asked); },
      [&](const finish_erasure& what) { return erasures_.finish(what); },
      [&](const show_scope&) { return show(asked); },
      [&](const list_scopes&) { return scopes(asked); },
      [&](const find_erasure&) { return told(asked); },
      [&](const list_audit&) { return audit(asked); },
      [&](const read_events&) { return events(asked); },
      [&](const find_holders&) { return holders(asked); },
      [&](const verify_audit&) { return verify(asked); },
      [&](const list_chain_heads&) { return chain_ends(asked); },
      [&](const export_chain&) { return exported(asked); },
      [&](const prune_chain&) { return prune(asked); },
      [&](const list_ended_chains&) { return ended_below(asked); },
      [&](const note_access&) { return note(asked); },
    },
    asked->what);
}

bool scope_engine::is_late(const request& asked) const {
  return asked.deadline.count() != 0 && with_.time->steady() > asked.deadline;
}

bool scope_engine::index_more() {
  if (memories_.is_all_indexed())
    return true;
  auto started = with_.time->steady();
  return memories_.index_more(
    [&] { return with_.time->steady() - started > limits::engine_budget; });
}

auth::audit_entry scope_engine::entry_of(const request& asked) const {
  return auth::entry_for(asked.grant.who(), asked.grant.what(),
                         asked.grant.request(), with_.time->now());
}

/// Audits an operation that changed nothing, then answers.
step scope_engine::answered(auth::audit_entry entry, answer done) {
  // What was fetched for this operation was needed until now.
  memories_.shrink_cache();
  if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
    return noted.error();
  return done;
}

step scope_engine::refuse(const request& asked, error why,
                          std::vector<memory_id> targets) {
  auto entry = entry_of(asked);
  entry.targets = std::move(targets);
  return refuse(std::move(entry), std::move(why));
}

step scope_engine::refuse(auth::audit_entry entry, error why) {
  entry.outcome = why.code;
  entry.reason = why.detail.substr(0, limits::reason_bytes_max);
  if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
    return noted.error();
  return why;
}

bool scope_engine::is_live(const memory_row& row) const {
  return row.expires_at == 0 || row.expires_at > with_.time->now().milliseconds;
}

std::optional<step>
scope_engine::fetch_missing(const std::shared_ptr<request>& asked,
                            const std::vector<std::uint32_t>& rows) {
  std::vector<std::uint64_t> missing;
  for (auto row : rows)
    if (memories_.at(row).record.empty())
      missing.push_back(memories_.at(row).sequence);
  if (missing.empty())
    return std::nullopt;
  return fetch(asked, std::move(missing),
               [this](std::uint32_t row, std::uint32_t revision, bytes record) {
                 // An update that was committed meanwhile has brought its own.
                 if (revision == memories_.at(row).revision)
                   memories_.cache(row, std::move(record));
               });
}

/// Reads records, hands those that are still there to `keep` and runs the
/// operation again.
step scope_engine::fetch(const std::shared_ptr<request>& asked,
                         std::vector<std::uint64_t> missing, keep_record keep) {
  auto fetched = std::make_shared<fetched_records>();
  auto work = [fetched, missing = std::move(missing), identity = identity_,
               records = source()] {
    for (auto sequence : missing)
      fetched->emplace_back(sequence,
                            read_memory_record(*records, *identity, sequence));
  };
  auto then = [this, asked, fetched, keep = std::move(keep)]() -> step {
    if (auto failure = admit(*fetched, keep))
      return refuse(*asked, std::move(*failure));
    return run(asked);
  };
  return offload{std::move(work), std::move(then)};
}

/// Passes over what was erased meanwhile. Answers the first failure.
std::optional<error> scope_engine::admit(fetched_records& fetched,
                                         const keep_record& keep) {
  for (auto& [sequence, record] : fetched) {
    auto row = memories_.find_sequence(sequence);
    // A change in flight may have removed the record already; the operation
    // runs again and finds out.
    if (!row || tentative_.contains(memories_.at(*row).id) || clearing_)
      continue;
    if (record.has_error())
      return record.error();
    auto summary = persistence::decode_summary(*record);
    if (summary.has_error())
      return summary.error();
    keep(*row, summary->revision, std::move(*record));
  }
  return std::nullopt;
}

step scope_engine::flush_audit() {
  if (!ledger_.has_pending() || needs_reload())
    return answer{nothing{}};
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  return send(std::move(made), nullptr, nothing{});
}

bool scope_engine::wants_checkpoint() const {
  const auto& index = memories_.index();
  std::uint64_t documents = memories_.size();
  if (identity_->ephemeral)
    return false;
  auto grown
    = documents - std::min<std::uint64_t>(documents, checkpoint_documents_);
  constexpr std::uint64_t worth = 8;
  return documents >= with_.checkpoint_documents_min
         && (checkpoint_documents_ == 0 || grown > documents / worth)
         && index.memory_bytes() <= limits::checkpointed_index_bytes_max
         && !needs_reload() && in_flight_ == 0
         && !with_.records.is_short_of_space();
}

step scope_engine::write_checkpoint() {
  memories_.forget_removed();
  change made;
  erase_checkpoint(*identity_, checkpoint_parts_, *made.batch);
  checkpoint_parts_ = put_checkpoint(*identity_, memories_, *made.batch);
  checkpoint_documents_ = memories_.index().documents();
  return send(std::move(made), nullptr, nothing{});
}

/// A checkpoint must not keep the words of a memory that goes.
void scope_engine::drop_checkpoint(change& to) {
  auto removes = to.becomes.cleared
                 || std::any_of(to.becomes.rows.begin(), to.becomes.rows.end(),
                                [](const auto& row) { return row.removed; });
  if (!removes || checkpoint_parts_ == 0)
    return;
  erase_checkpoint(*identity_, checkpoint_parts_, *to.batch);
  checkpoint_parts_ = 0;
  checkpoint_documents_ = 0;
}

/// Hands a finished change to the committer.
step scope_engine::submit(change made, answer done) {
  if (own_records_)
    return change_own(std::move(made), std::move(done));
  // What it was built on is about to be read again: it would be refused.
  if (needs_reload()) {
    stale_ = true;
    settle_tentative(made.becomes);
    settle_session(made.becomes, false);
    return being_read_again();
  }
  drop_checkpoint(made);
  note_purge(made);
  auto entry = std::move(made.entry);
  return send(std::move(made), &entry, std::move(done));
}

/// Adds what is pending for the audit log, and an entry of its own if any.
step scope_engine::send(change made, auth::audit_entry* own, answer done) {
  take_into_account(made);
  made.batch->set_generation(generation_);
  made.batch->set_load(load_);
  auto journaled = ledger_.close(*made.batch, own);
  ++in_flight_;
  auto batch = made.batch;
  auto shared = std::make_shared<change>(std::move(made));
  return commit{batch, [this, shared, journaled, done = std::move(done)](
                         const result<void>& outcome) mutable {
                  return committed(shared, journaled, std::move(done), outcome);
                }};
}

step scope_engine::committed(const std::shared_ptr<change>& made,
                             std::uint64_t journaled, answer done,
                             const result<void>& outcome) {
  --in_flight_;
  settle_tentative(made->becomes);
  settle_session(made->becomes, outcome.has_value());
  if (outcome.has_error()) {
    stale_ = true;
    return outcome.error();
  }
  ledger_.settle(journaled);
  if (!made->becomes.rows.empty() || made->becomes.cleared)
    with_.signals->changed(identity_->name);
  release(made->becomes);
  // Whoever is told of a revocation may rely on it: others see its flag.
  for (auto& [record, tag] : made->becomes.keys)
    keys_.put(std::move(record), tag);
  made->becomes.keys.clear();
  if (made->becomes.settings)
    adopt_settings(*made->becomes.settings);
  // What only this engine sees can wait until the answer is on its way.
  step answered{std::move(done)};
  answered.afterwards = [this, made] {
    apply(made->becomes);
    index_more();
  };
  return answered;
}

void scope_engine::apply(effects& becomes) {
  if (becomes.cleared) {
    memories_.clear();
    history_.clear();
    old_revisions_ = 0;
    idempotency_.clear();
    request_expiries_.clear();
  }
  for (auto& changed : becomes.rows)
    apply_row(changed);
  apply_history(becomes);
  apply_resealed(becomes);
  for (auto& [rest, record] : becomes.idempotency_added) {
    idempotency_[rest] = record;
    request_expiries_.emplace(record.expires_at, rest);
  }
  for (const auto& rest : becomes.idempotency_dropped)
    idempotency_.erase(rest);
  memories_.shrink_cache();
}

void scope_engine::apply_row(effects::row_change& changed) {
  if (changed.removed)
    if (auto row = memories_.find(changed.id))
      memories_.erase(*row, *changed.removed);
  if (!changed.row)
    return;
  memories_.insert(std::move(*changed.row));
}

void scope_engine::apply_history(effects& becomes) {
  for (const auto& [sequence, revision] : becomes.history_added)
    history_[sequence].push_back(revision);
  old_revisions_ += becomes.history_added.size();
  for (const auto& [sequence, revision] : becomes.history_dropped) {
    auto found = history_.find(sequence);
    if (found == history_.end())
      continue;
    old_revisions_
      -= std::erase_if(found->second, [r = revision](const old_revision& old) {
           return old.revision == r;
         });
    if (found->second.empty())
      history_.erase(found);
  }
}

/// Takes a change that came to its end out of what is in flight.
void scope_engine::settle_tentative(const effects& becomes) {
  auto settle = [this](const memory_id& id) {
    auto found = tentative_.find(id);
    if (found != tentative_.end() && --found->second.changes == 0)
      tentative_.erase(found);
  };
  for (const auto& changed : becomes.rows) {
    settle(changed.id);
    if (!changed.key || tentative_.contains(changed.id))
      continue;
    auto found = tentative_keys_.find(*changed.key);
    if (found != tentative_keys_.end() && found->second == changed.id)
      tentative_keys_.erase(found);
  }
  for (const auto& each : becomes.resealed)
    settle(each.id);
  for (const auto& [rest, record] : becomes.idempotency_added)
    tentative_requests_.erase(rest);
  for (const auto& rest : becomes.idempotency_dropped)
    tentative_requests_.erase(rest);
  if (!becomes.child.empty())
    children_in_flight_.erase(becomes.child);
  if (becomes.cleared)
    clearing_ = false;
}

} // namespace cloister::engine
