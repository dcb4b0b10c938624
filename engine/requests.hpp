// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "auth/api_key.hpp"
#include "auth/audit_chain.hpp"
#include "auth/audit_entry.hpp"
#include "auth/authority.hpp"
#include "auth/narrowing.hpp"
#include "core/filter.hpp"
#include "core/memory.hpp"
#include "core/memory_event.hpp"
#include "core/quota.hpp"
#include "engine/answers.hpp"
#include "engine/session_requests.hpp"
#include "persistence/scope_identity.hpp"
#include "search/ranked_search.hpp"

/// What can be asked of a scope's engine; answers.hpp has what it answers.
/// Values only.
namespace cloister::engine {

class filter_verdicts;

// -- memories --

/// Stores memories, all or none. A draft whose key exists replaces it.
struct create_memories {
  std::vector<memory_draft> drafts;
  /// For copies; one per draft, or none.
  std::vector<memory_origin> origins;
  /// Passes over drafts whose idempotency key was used before, even if the
  /// memory was deleted since, and over expired ones: they are not answered.
  bool skip_known = false;
};

struct get_memory {
  memory_id id;
};

/// In the order in which they were written, or the newest first.
struct list_memories {
  std::optional<std::string> type;
  std::optional<memory_filter> filter;
  std::size_t limit = 0;
  /// Only those that come after this sequence number in that order.
  std::optional<std::uint64_t> after;
  bool oldest_first = false;
};

/// Best first. Scores with the given statistics, or else with its own.
struct search_memories {
  /// Either may be empty.
  std::string query;
  std::vector<float> embedding;
  std::size_t limit = 0;
  std::optional<std::string> type;
  std::optional<memory_filter> filter;
  double min_score = 0;
  std::optional<search::corpus_statistics> statistics;
};

/// What happened in a scope; answers `event_page`. Where it goes on with what
/// somebody follows already, the trail has told of that.
struct read_events {
  std::optional<event_position> after;
  std::size_t limit = 0;
  bool goes_on = false;
};

/// The scopes at or below one that may have a memory, by its id. Of the
/// organization; answers `scope_names`.
struct find_holders {
  memory_id id;
  scope within;
};

/// What a search over several scopes gathers first; audited with the search.
struct gather_statistics {
  std::string query;
};

struct update_memory {
  memory_id id;
  memory_patch patch;
  std::optional<std::uint32_t> if_revision;
};

struct delete_memory {
  memory_id id;
  std::optional<std::uint32_t> if_revision;
};

struct delete_all_memories {};

/// All revisions, newest first.
struct memory_history {
  memory_id id;
};

/// Makes an old revision's content the newest one.
struct restore_memory {
  memory_id id;
  std::uint32_t revision = 0;
};

/// Reads the source of a copy.
struct share_memory {
  memory_id id;
};

/// Removes memories that are due; asked by the sweeper.
/// An entry with this sequence says that the scope's data key is due to be
/// replaced.
constexpr std::uint64_t rekey_sequence
  = std::numeric_limits<std::uint64_t>::max();

struct expire_memories {
  struct due {
    std::uint64_t sequence = 0;
    bytes index_rest;
  };
  std::vector<due> entries;
};

/// Where copies of what came through a scope may be. Of the organization;
/// answers `copy_trace`.
struct trace_copies {
  /// The scope above it.
  scope above;
  /// The one with this name; else, whatever it was called, with the tag: then
  /// its erasure has begun, and what cannot be found out keeps nothing from
  /// going.
  std::optional<scope> source = {};
  persistence::scope_tag tag{};
};

/// Looks for memories in this scope that came through another one, by its tag,
/// and removes them if wanted. Answers `found_copies`.
struct find_copies {
  enum class wish { count, erase };
  persistence::scope_tag source{};
  wish wanted = wish::count;
  /// Those that were found and are still there, and how many were removed.
  std::optional<std::vector<std::uint64_t>> left = {};
  std::uint64_t removed = 0;
};

// -- keys; organizations only --

struct create_key {
  scope root;
  auth::permission_set permissions;
  std::optional<timestamp> expires_at;
  std::string label;
  auth::ancestor_bound ancestors;
  std::optional<scope> promote_to;
};

struct list_keys {};

/// Changes what is given of an organization's settings; answers them all.
struct configure_organization {
  std::optional<language> search_language;
  quota_changes limits = {};
};

/// Changes the limits of this scope; answers its settings.
struct configure_scope {
  quota_changes limits;
};

struct show_settings {};

/// Revokes the keys of scopes that were erased, and forgets what names those.
struct forget_keys {
  /// Only of what lies at or below this; else of all that are found erased.
  std::optional<scope> erased;
};

struct revoke_key {
  auth::key_id id{};
  /// Only what was narrowed to this, and what came from that.
  std::optional<crypto::short_digest> narrowing;
  /// The key itself, where its text was given: it must be a genuine one.
  std::optional<auth::presented_key> presented;
};

/// Turns a genuine key into what it may do.
struct authenticate {
  auth::key_id id{};
  /// What it was narrowed to, step by step, and the names of the steps.
  std::vector<auth::restriction> restrictions;
  std::vector<crypto::short_digest> narrowings;
  /// Why it is none any more, where a step is not understood.
  std::optional<std::string> void_because;
};

// -- scopes and audit --

/// Creates a scope directly below; answers its identity.
struct open_child {
  scope name;
};

/// What went before a scope is erased.
struct gone_before {
  /// Ephemeral sessions below, which are in no catalog, and what they held.
  std::uint64_t sessions = 0;
  std::uint64_t memories = 0;
  auth::copies_elsewhere copies = {};
};

/// Erases a scope directly below, with all below it; answers `erased_child`.
/// Nobody may use any of it meanwhile.
struct erase_child {
  scope name;
  /// Why a session ends; empty for other scopes.
  std::string reason = {};
  gone_before before = {};
  /// Only begins, and answers no more than the tag: copies at or below this are
  /// erased before `finish_erasure` goes on.
  std::optional<scope> copies_below = {};
};

/// Lets the name of a child that was erased be used again, by a new one.
struct reinstate_child {
  scope name;
};

/// What the trail tells of the erasure of a child, or of the end of a session.
/// Answers `told_erasure`.
struct find_erasure {
  scope name;
};

/// Goes on with an erasure that was begun. Answers `erased_child`, or `nothing`
/// where that was done before.
struct finish_erasure {
  persistence::scope_tag child{};
  /// What became of copies that were to be erased first.
  auth::copies_elsewhere copies = {};
};

struct show_scope {};

/// All scopes below, in the order of the catalog.
struct list_scopes {
  std::size_t limit = 0;
};

/// Newest first.
struct list_audit {
  std::size_t limit = 0;
  std::optional<std::uint64_t> before;
  std::optional<auth::operation> what;
  std::optional<errc> outcome;
  std::optional<timestamp> since;
  std::optional<std::string> principal;
};

/// Verifies the chain of this scope and of all below, and that each goes on
/// from where it is expected to have ended.
struct verify_audit {
  std::vector<chain_head> expected;
};

/// The ends of the chains of this scope and of all below. Answers
/// `chain_heads`.
struct list_chain_heads {};

/// Some entries of one chain below this scope, or of one that ended, as they
/// are stored; the oldest first. Answers `exported_page`.
struct export_chain {
  persistence::scope_tag chain{};
  std::uint64_t from = 0;
  /// The length of the chain that is wanted.
  std::uint64_t until = 0;
  /// Of the node: the chain is of an organization that was erased.
  std::optional<persistence::scope_tag> former = {};
};

/// Removes some of the entries from before a time from the beginning of this
/// scope's chain, or of one whose end it tells. Answers `pruned_entries`.
struct prune_chain {
  timestamp before;
  std::optional<ended_chain> ended;
};

/// The chains whose ends this scope's chain tells, or the one of those that is
/// given. Answers `ended_chains`.
struct list_ended_chains {
  std::optional<ended_chain> of;
};

/// Puts an entry into the chain for something that was decided elsewhere: a
/// refusal, or a read of a scope that does not exist.
struct note_access {
  errc outcome = errc::ok;
  std::string reason;
  /// What was aimed at, where that is another scope than this one.
  std::optional<scope> target;
  std::vector<memory_id> targets;
  /// The authority that was refused, and what it wanted.
  auth::authority_ptr who;
  auth::operation what = auth::operation::get_memory;
  auth::request_id request{};
};

using operation = std::variant<
  create_memories, get_memory, list_memories, search_memories, read_events,
  find_holders, gather_statistics, update_memory, delete_memory,
  delete_all_memories, memory_history, restore_memory, share_memory,
  expire_memories, trace_copies, find_copies, create_key, list_keys,
  configure_organization, configure_scope, show_settings, forget_keys,
  revoke_key, authenticate, open_child, erase_child, reinstate_child,
  find_erasure, finish_erasure, open_session, renew_session, list_sessions,
  finish_session, show_scope, list_scopes, list_audit, verify_audit,
  list_chain_heads, export_chain, prune_chain, list_ended_chains, note_access>;

/// Whether an operation may lead to a batch of its own.
inline bool is_change(const operation& what) {
  if (auto copies = std::get_if<find_copies>(&what))
    return copies->wanted == find_copies::wish::erase;
  return std::holds_alternative<create_memories>(what)
         || std::holds_alternative<update_memory>(what)
         || std::holds_alternative<delete_memory>(what)
         || std::holds_alternative<delete_all_memories>(what)
         || std::holds_alternative<restore_memory>(what)
         || std::holds_alternative<expire_memories>(what)
         || std::holds_alternative<create_key>(what)
         || std::holds_alternative<revoke_key>(what)
         || std::holds_alternative<forget_keys>(what)
         || std::holds_alternative<configure_organization>(what)
         || std::holds_alternative<configure_scope>(what)
         || std::holds_alternative<open_child>(what)
         || std::holds_alternative<erase_child>(what)
         || std::holds_alternative<reinstate_child>(what)
         || std::holds_alternative<finish_erasure>(what)
         || std::holds_alternative<open_session>(what)
         || std::holds_alternative<renew_session>(what)
         || std::holds_alternative<finish_session>(what)
         || std::holds_alternative<prune_chain>(what);
}

/// Whether an operation looks at a scope's index.
inline bool is_search(const operation& what) {
  return std::holds_alternative<search_memories>(what)
         || std::holds_alternative<gather_statistics>(what);
}

/// Whether an operation makes the store larger: not accepted on a disk that is
/// nearly full.
inline bool is_growth(const operation& what) {
  return std::holds_alternative<create_memories>(what)
         || std::holds_alternative<update_memory>(what)
         || std::holds_alternative<restore_memory>(what)
         || std::holds_alternative<create_key>(what)
         || std::holds_alternative<open_child>(what)
         || std::holds_alternative<open_session>(what);
}

/// The same for a memory of another scope as for one that never was.
error no_such_memory();

/// Somebody else has changed it: it is at revision `now`.
error revision_conflict(std::uint32_t now);

/// Bytes of content that an operation brings along.
std::size_t carried_bytes(const operation& what);

/// The memories that an operation names.
std::vector<memory_id> targets_of(const operation& what);

/// A memory with an embedding, as it was when that was compared.
struct vector_match {
  memory_id id;
  std::uint32_t revision = 0;
  /// The cosine of the angle between the two.
  float similarity = 0;
};

/// One operation with the grant that allows it and the time it may take.
struct request {
  auth::grant grant;
  engine::operation what;
  /// On the clock's steady time; 0 for none.
  std::chrono::nanoseconds deadline{0};
  /// Set by whoever begins it: what was not begun may safely be asked again.
  bool started = false;
  /// What its filter admits, once all memories had to be read for that.
  std::shared_ptr<const filter_verdicts> verdicts;
  /// How often they were read.
  int scans = 0;
  /// Records that its answer needs and the scope does not keep, by sequence.
  struct fetched_record {
    std::uint32_t revision = 0;
    bytes record;
  };
  std::map<std::uint64_t, fetched_record> fetched;
  /// How near its embedding is to those of the memories it may answer.
  std::shared_ptr<const std::vector<vector_match>> near;
};

} // namespace cloister::engine
