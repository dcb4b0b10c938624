// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "auth/api_key.hpp"
#include "auth/audit_chain.hpp"
#include "auth/audit_entry.hpp"
#include "auth/audit_stub.hpp"
#include "auth/authority.hpp"
#include "core/memory.hpp"
#include "core/memory_event.hpp"
#include "engine/session_requests.hpp"
#include "engine/usage.hpp"
#include "persistence/erased_name.hpp"
#include "persistence/scope_identity.hpp"
#include "search/ranked_search.hpp"

/// What a scope's engine answers; requests.hpp has what it can be asked.
namespace cloister::engine {

/// Where a chain ended at some time.
struct chain_head {
  persistence::scope_tag tag{};
  std::uint64_t length = 0;
  crypto::digest head{};
};

/// A chain that ended, by one above.
struct ended_chain {
  persistence::scope_tag tag{};
  std::uint64_t length = 0;
  crypto::digest head{};
  /// Of the node: the organization that it was part of, which was erased.
  std::optional<persistence::scope_tag> former;
};

struct ended_chains {
  std::vector<ended_chain> list;
};

/// How many entries one batch has pruned.
struct pruned_entries {
  std::uint64_t entries = 0;
  /// Whether others may go, too.
  bool more = false;
};

struct nothing {};

struct shared_memory {
  memory value;
  memory_origin origin;
};

struct stored_memories {
  std::vector<memory> memories;
  /// False where an existing key was replaced or an earlier request repeated.
  std::vector<bool> created;
};

struct memory_page {
  std::vector<memory> memories;
  /// Where the next page starts; none after the last.
  std::optional<std::uint64_t> next;
};

struct memory_hit {
  cloister::memory memory;
  float score = 0;
};

struct memory_hits {
  std::vector<memory_hit> hits;
  /// The nearest by their embeddings, nearest first; their score is that.
  std::vector<memory_hit> near;
};

struct scope_names {
  std::vector<scope> names;
};

struct deleted_count {
  std::uint64_t deleted = 0;
  /// False where something that was asked for is left for later.
  bool all = true;
};

/// Where copies of what came through a scope may be.
struct copy_trace {
  persistence::scope_tag source{};
  /// Not at or below that one. Sessions are there as long as they are open.
  std::vector<scope> targets;
  /// How many were erased by who began with that, and did not come to its end;
  /// nothing where that cannot be read.
  std::optional<std::uint64_t> removed = {};
  /// Whether all places are known.
  bool is_whole = true;
};

struct found_copies {
  std::uint64_t copies = 0;
};

struct created_key {
  auth::key_record record;
  std::string api_key;
};

struct key_list {
  std::vector<auth::key_record> keys;
};

/// What was erased, and where the trail tells of it.
struct erased_child {
  persistence::scope_tag tag{};
  std::uint32_t incarnation = 1;
  timestamp at;
  /// It and all below it.
  std::uint64_t scopes = 0;
  std::uint64_t memories = 0;
  /// Of the scopes, those that were damaged: what they held is not known.
  std::uint64_t unreadable = 0;
  auth::copies_elsewhere copies;
  /// The chain that tells of it, the entry's index, and the head after it.
  persistence::scope_tag chain{};
  std::uint64_t index = 0;
  crypto::digest head{};
  /// Why a session ended; empty for other scopes.
  std::string reason = {};
};

/// The same as the trail tells of it, and who asked for it.
struct told_erasure {
  erased_child what;
  std::string principal;
  /// Empty where no key was used.
  std::string key_id;
};

/// An erasure that was begun.
struct unfinished_erasure {
  persistence::scope_tag tag{};
  /// Whether the keys are destroyed: only space is left to be given back.
  bool destroyed = false;
  /// Whose it is, if that is there; none for an organization.
  std::optional<scope> organization;
  /// None for an organization, or where it is gone too.
  std::optional<scope> parent;
  /// Where it can be read.
  std::optional<scope> name;
  /// Copies at or below this are erased before it is gone on with.
  std::optional<scope> copies_below;
  /// The request that it was begun by.
  auth::request_id request{};
};

/// Names that were erased.
struct erased_names {
  std::vector<persistence::erased_name> list;
};

struct unfinished_erasures {
  std::vector<unfinished_erasure> list;
};

/// One that nobody may use, until it is erased.
struct disabled_organization {
  scope name;
  timestamp erased_at;
};

struct disabled_organizations {
  std::vector<disabled_organization> list;
};

struct scope_info {
  scope name;
  persistence::scope_tag tag{};
  std::uint32_t incarnation = 1;
  timestamp created_at;
  std::uint64_t memories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t audit_entries = 0;
  /// When it is erased, if it is an organization that is disabled.
  std::optional<timestamp> erased_at = {};
  /// Open sessions directly below, and what the scope may not exceed; where it
  /// was asked for alone.
  std::uint64_t sessions = 0;
  quota limits = {};
  /// The same of its organization, where whoever asked may see it.
  struct of_organization {
    usage held;
    std::uint64_t sessions = 0;
    quota limits;
  };
  std::optional<of_organization> organization = {};
};

struct scope_list {
  std::vector<scope_info> scopes;
  bool truncated = false;
  /// Damaged ones, which cannot be listed.
  std::size_t unreadable = 0;
};

struct audit_line {
  std::uint64_t index = 0;
  auth::audit_entry entry;
  /// The scope's path, or "erased" where the name is gone.
  std::string scope;
  /// The key's label, its id where it has none, or "operator" and the like.
  std::string principal;
  /// The child's path where the entry anchors one.
  std::string child;
  /// What was aimed at, where that is another scope: its path, or "unknown"
  /// where there is no such scope.
  std::string target;
};

struct audit_page {
  std::vector<audit_line> lines;
  std::optional<std::uint64_t> next;
};

/// An entry as it is stored, and what it says.
struct exported_entry {
  auth::audit_link link;
  audit_line line;
};

struct exported_page {
  /// With the beginning of a chain: what stands for entries that were pruned.
  std::optional<auth::audit_stub> stub;
  std::vector<exported_entry> entries;
};

struct chain_heads {
  /// The chain that the others lie below.
  persistence::scope_tag root{};
  std::vector<chain_head> heads;
};

struct audit_report {
  std::uint64_t entries = 0;
  std::uint64_t chains = 0;
  /// Of the chains, those whose oldest entries were pruned.
  std::uint64_t pruned = 0;
  /// Ends that were expected among what was pruned since.
  std::uint64_t passed_over = 0;
  bool intact = true;
  /// Where the first break is, e.g. "org_acme/user_sarah#17".
  std::string first_broken;
  std::string reason;
};

using answer = std::variant<
  nothing, memory, shared_memory, stored_memories, memory_page, memory_hits,
  event_page, scope_names, search::corpus_statistics, deleted_count, copy_trace,
  found_copies, created_key, key_list, auth::authority_ptr,
  persistence::identity_ptr, erased_child, told_erasure, unfinished_erasures,
  disabled_organizations, erased_names, opened_session, session_list,
  scope_info, scope_list, audit_page, chain_heads, exported_page, audit_report,
  persistence::organization_settings, ended_chains, pruned_entries>;

} // namespace cloister::engine
