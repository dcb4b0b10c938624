// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <set>

#include "engine/erasures.hpp"
#include "engine/ledger.hpp"
#include "engine/pruner.hpp"
#include "engine/refusal_counter.hpp"
#include "engine/requests.hpp"
#include "engine/services.hpp"
#include "engine/step.hpp"

namespace cloister::engine {

/// What can be asked of the node itself; the operator's.
struct create_organization {
  /// What to do about one that exists, or does not.
  enum class mode { create, create_or_open, open };
  scope name;
  mode how = mode::create;
};
struct list_organizations {};

/// Nobody may use an organization from now on, until it is erased or kept.
struct disable_organization {
  scope name;
  timestamp erased_at;
};
/// It may be used again.
struct keep_organization {
  scope name;
};
/// Those that are disabled. Answers `disabled_organizations`.
struct list_disabled {};

/// Erases one with all that is in it, which nobody uses. Answers
/// `erased_child`.
struct erase_organization {
  scope name;
  /// Because its time has come.
  bool is_due = false;
  gone_before before = {};
};
/// As `find_erasure`.
struct find_organization_erasure {
  scope name;
};
/// Lets the name of one that was erased be used again.
struct reinstate_organization {
  scope name;
};
struct list_node_audit {
  list_audit wanted;
};
struct verify_node_audit {
  std::vector<chain_head> expected;
};

/// The ends of all chains of the store. Answers `chain_heads`.
struct list_node_heads {};

/// The node's own chain, as `export_chain`.
struct export_node_chain {
  export_chain wanted;
};

/// The same for the node's own chain as for a scope's.
struct prune_node_chain {
  prune_chain wanted;
};
struct list_node_ended_chains {
  list_ended_chains wanted;
};

/// Something that happened to the node or at its door.
struct note_node {
  auth::operation what = auth::operation::start_node;
  auth::principal_kind who = auth::principal_kind::system;
  errc outcome = errc::ok;
  std::string reason;
};

/// Refusals that were counted where they were decided; see refusal_counter.hpp.
struct note_refusals {
  std::vector<auth::audit_entry> entries;
};

/// The process has started: written and synced before anything is served. The
/// head's `next_sequence` numbers the starts; the audit journal builds on it.
struct start_node {};

/// Every name that was erased. Answers `erased_names`.
struct list_erased_names {};

/// Takes over names that were erased after a backup was made that is being
/// restored.
struct adopt_erased_names {
  std::vector<persistence::erased_name> names;
};

/// From now on new organizations are wrapped under this master key; what goes
/// on from a former process begins without one.
struct begin_rotation {
  std::shared_ptr<crypto::secret_key> next;
};
/// Wraps some more under the new master key. Answers `deleted_count`: how many,
/// and whether that were all.
struct rewrap_keys {};
/// Nothing is wrapped under the former master key any more.
struct finish_rotation {};

/// Lists erasures that were begun and not finished.
struct list_erasures {};

/// Gives back some of the space of what was erased, once its key is destroyed.
/// Answers `deleted_count`.
struct reclaim_space {
  persistence::scope_tag child{};
};

/// Writes down when sessions were used, and forgets what is gone.
struct update_sessions {
  std::vector<live_session_ptr> used;
  /// Places in the list.
  std::vector<std::uint64_t> gone;
};

using node_operation = std::variant<
  start_node, create_organization, list_organizations, disable_organization,
  keep_organization, list_disabled, erase_organization,
  find_organization_erasure, reinstate_organization, finish_erasure,
  list_node_audit, verify_node_audit, list_node_heads, export_node_chain,
  list_erased_names, adopt_erased_names, begin_rotation, rewrap_keys,
  finish_rotation, list_erasures, reclaim_space, update_sessions,
  prune_node_chain, list_node_ended_chains, note_node, note_refusals>;

inline bool is_change(const node_operation& what) {
  return std::holds_alternative<create_organization>(what)
         || std::holds_alternative<start_node>(what)
         || std::holds_alternative<disable_organization>(what)
         || std::holds_alternative<keep_organization>(what)
         || std::holds_alternative<erase_organization>(what)
         || std::holds_alternative<reinstate_organization>(what)
         || std::holds_alternative<finish_erasure>(what)
         || std::holds_alternative<adopt_erased_names>(what)
         || std::holds_alternative<begin_rotation>(what)
         || std::holds_alternative<rewrap_keys>(what)
         || std::holds_alternative<finish_rotation>(what)
         || std::holds_alternative<list_erasures>(what)
         || std::holds_alternative<reclaim_space>(what)
         || std::holds_alternative<update_sessions>(what)
         || std::holds_alternative<prune_node_chain>(what);
}

/// What the store says of the node itself.
struct loaded_node {
  /// The store's generation when reading began.
  std::uint64_t generation = 0;
  persistence::scope_head head;
};

/// Reads it; a loader's work. Fails with `corrupted`.
result<loaded_node> load_node(const services& with);

/// The node's own chain and the organizations below it. Like a scope's engine:
/// one thread at a time, no reads from the disk but in an `offload`.
class node_engine {
public:
  node_engine(services with, const loaded_node& state);

  step begin(node_operation what);

  step flush_audit();

  /// Chains what was only counted so far; before the node sleeps.
  result<void> note_repeated();
  bool has_pending_audit() const {
    return ledger_.has_pending();
  }
  bool needs_reload() const {
    return stale_ || with_.records.generation() != generation_;
  }
  bool has_in_flight() const {
    return in_flight_ > 0;
  }
  void reload(const loaded_node& state);

  /// The node is no organization.
  static std::uint64_t organization_number() {
    return 0;
  }

private:
  step begin_life();
  step note(const note_node& what);
  auth::audit_entry entry_of(const note_node& what) const;
  /// Audits a refusal, then answers it.
  step refuse(auth::operation what, const error& why);
  step create(const create_organization& what);
  step looked_up(const create_organization& what,
                 const std::shared_ptr<persistence::write_batch>& batch,
                 const result<persistence::prepared_child>& child);
  step adopt(const scope& name,
             const std::shared_ptr<persistence::write_batch>& batch,
             const persistence::prepared_child& child);
  step list();
  // -- ends of organizations (node_organizations.cpp) --
  using registry_work = std::function<result<persistence::registry_change>(
    const services&, persistence::write_batch&, auth::audit_entry&)>;
  step change_registry(auth::audit_entry entry, const scope& name,
                       registry_work work, answer done);
  step disable(const disable_organization& what);
  step keep(const keep_organization& what);
  step erase(const erase_organization& what);
  step reinstate(const reinstate_organization& what);
  step disabled() const;
  step erased_list();
  step adopt_erased(const adopt_erased_names& what);
  step begin_rotating(const begin_rotation& what);
  step rewrap();
  step rewrap_some();
  step finish_rotating();
  step note_rotation(std::string reason);
  step refuse(auth::audit_entry entry, const error& why);
  erasures::owner lend_for_erasures();
  step
  commit_for_erasure(const std::shared_ptr<persistence::write_batch>& batch,
                     std::vector<auth::audit_entry> entries,
                     std::function<step(const result<void>&)> then);

  step behind(std::function<step()> then);
  step list_unfinished();
  step reclaim(const reclaim_space& what);
  step update(const update_sessions& what);
  result<void> note_counted(std::vector<auth::audit_entry> entries);
  step after_flush(auth::operation what, std::function<result<answer>()> work);
  auth::audit_entry entry_of(auth::operation what) const;
  step submit(const std::shared_ptr<persistence::write_batch>& batch,
              auth::audit_entry* entry, std::string name, answer done);

  services with_;
  ledger ledger_;
  std::set<std::string> organizations_in_flight_;
  refusal_counter refusals_;
  std::size_t in_flight_ = 0;
  std::uint64_t generation_;
  std::uint64_t load_ = next_load();
  bool stale_ = false;
  erasures erasures_;
  pruner pruner_;
};

} // namespace cloister::engine
