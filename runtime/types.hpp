// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/language.hpp"
#include "core/limits.hpp"
#include "core/memory.hpp"
#include "core/quota.hpp"
#include "core/scope.hpp"
#include "runtime/receipt.hpp"

/// The values that callers of the runtime give and get.
namespace cloister {

/// What a key may do: `read | write`. Names and order as in the contract.
enum class permissions : std::uint8_t {
  none = 0,
  read = 1,
  write = 2,
  remove = 4,
  share = 8,
  audit = 16,
  admin = 32,
  all = 63,
};

constexpr permissions operator|(permissions a, permissions b) {
  return static_cast<permissions>(static_cast<std::uint8_t>(a)
                                  | static_cast<std::uint8_t>(b));
}

inline constexpr auto read = permissions::read;
inline constexpr auto write = permissions::write;

/// "read,write,delete" or "all"; fails with `invalid_argument`.
result<permissions> parse_permissions(std::string_view text);
/// "read,write", in the order of the values.
std::string to_string(permissions allowed);

/// Which scopes a search or list covers besides the bound one.
enum class visibility : std::uint8_t {
  self,
  /// And those ancestors that the key may read.
  inherited,
  /// And everything below; needs `admin`.
  subtree,
};

/// "self", "inherited" or "subtree"; fails with `invalid_argument`.
result<visibility> parse_visibility(std::string_view text);

/// How a search compares.
enum class search_mode : std::uint8_t {
  /// Both, where there is an embedding; else the words alone.
  automatic,
  /// By the words of the query (BM25).
  lexical,
  /// By the angle between embeddings.
  vector,
  /// By both, fused by their ranks.
  hybrid,
};

/// "lexical", "vector" or "hybrid"; fails with `invalid_argument`.
result<search_mode> parse_search_mode(std::string_view text);

/// What to search for, and where.
struct search_options {
  /// May be empty where there is an embedding.
  std::string query = {};
  /// Of as many dimensions as those of the memories; empty for none.
  std::vector<float> embedding = {};
  search_mode mode = search_mode::automatic;
  std::size_t limit = limits::search_results_default;
  std::optional<std::string> memory_type = {};
  /// JSON, e.g. {"metadata.priority": {"gte": 2}}; docs/search.md has all.
  std::optional<std::string> filter = {};
  double min_score = 0;
  visibility reach = visibility::self;
  /// Other scopes, as user_ids, to search together; replaces the bound one.
  std::vector<std::string> scopes = {};
  /// The same for scopes that `client::find_scopes` found: any number of them.
  std::vector<scope> found_scopes = {};
  /// 1 ms to `limits::request_timeout_max`.
  std::chrono::milliseconds timeout = limits::request_timeout_default;
};

/// What to list, and where.
struct list_options {
  std::optional<std::string> memory_type = {};
  /// JSON, as for searches.
  std::optional<std::string> filter = {};
  std::size_t limit = limits::page_results_default;
  /// The newest come first otherwise.
  bool oldest_first = false;
  /// From the page before.
  std::optional<std::string> cursor = {};
  visibility reach = visibility::self;
  std::vector<std::string> scopes = {};
  /// The same for scopes that `client::find_scopes` found: any number of them.
  std::vector<scope> found_scopes = {};
};

/// A memory and the scope it was found in.
struct located_memory {
  cloister::memory memory;
  scope where;
};

/// A memory that a search found.
struct search_hit {
  cloister::memory memory;
  scope where;
  /// 0 to 1.
  float score = 0;
};

/// What a search found, best first.
struct search_results {
  std::vector<search_hit> results;
};

/// One page of a list.
struct memory_list {
  std::vector<located_memory> results;
  /// Give it to get the next page; none after the last.
  std::optional<std::string> cursor;
};

/// What an organization has set.
struct organization_settings {
  /// Whose words its memories are stemmed by.
  language search_language = language::english;
  /// What all of its scopes together may not exceed.
  quota limits = {};
};

/// What to change of it.
struct organization_changes {
  std::optional<language> search_language = {};
  quota_changes limits = {};
};

/// What a new key may reach and do.
struct key_options {
  /// A user_id below the creating key's root; empty for the root itself.
  std::string root = {};
  cloister::permissions permissions = cloister::permissions::all;
  std::optional<timestamp> expires_at = {};
  std::string label = {};
  /// "all", "none", or the outermost ancestor that may be read.
  std::string ancestors = "all";
  /// The one scope outside the root that sharing may write to.
  std::optional<std::string> promote_to = {};
};

/// What is known of a key, but for its secret.
struct key_info {
  std::string key_id;
  std::string scope;
  cloister::permissions permissions = cloister::permissions::none;
  std::string label;
  timestamp created_at;
  std::optional<timestamp> expires_at;
  std::optional<timestamp> revoked_at;
  /// How far up it reads: "all", "none", or the outermost scope.
  std::string ancestors;
  /// The one scope outside its root that it may share into.
  std::optional<std::string> promote_to;
  /// How many that were narrowed from it are revoked by themselves.
  std::size_t revoked_narrowings = 0;
};

/// A key that was just made.
struct new_key {
  key_info info;
  /// The secret itself; shown once and stored nowhere.
  std::string api_key;
};

/// What all scopes of an organization hold together, sessions included, and
/// what they may not exceed.
struct organization_summary {
  std::uint64_t memories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t sessions = 0;
  quota limits = {};
};

/// What is known of a scope.
struct scope_summary {
  scope name;
  /// 32 hexadecimal digits; logs name scopes by it.
  std::string tag;
  std::uint32_t incarnation = 1;
  timestamp created_at;
  std::uint64_t memories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t audit_entries = 0;
  /// When it is erased, if it is an organization that is disabled.
  std::optional<timestamp> erased_at = {};
  /// Sessions that are open directly below, and what the scope itself may not
  /// exceed; `show_scope` tells, and lists do not.
  std::uint64_t sessions = 0;
  quota limits = {};
  /// Of its organization, for whoever is rooted there.
  std::optional<organization_summary> organization = {};
};

/// The scopes below one, depth first.
struct scope_listing {
  std::vector<scope_summary> scopes;
  /// There are more than are listed.
  bool truncated = false;
  /// Damaged ones, which cannot be listed.
  std::size_t unreadable = 0;
};

/// How a scope is erased.
struct erase_options {
  /// Memories that were shared or promoted from it to elsewhere, and from there
  /// on, are erased before it, wherever the key may delete. What is to be read
  /// there and is not, because it is damaged, fails the erasure.
  bool with_shared_copies = false;
};

/// How long a session lives. 0 for no such limit.
struct session_options {
  /// Survives the end of the process. If not, its key is in memory only, and
  /// nothing of it waits for a disk.
  bool resumable = false;
  /// Without any use.
  std::chrono::milliseconds idle_timeout = limits::session_idle_default;
  /// In any case.
  std::chrono::milliseconds absolute_timeout = limits::session_absolute_default;
  /// Without being renewed.
  std::chrono::milliseconds lease{0};
};

/// What became of an organization that is to be erased.
struct organization_erasure {
  /// When it is destroyed, or was.
  timestamp erased_at;
  /// Once it is.
  std::optional<erasure_receipt> receipt;
};

/// What is known of an open session.
struct session_info {
  cloister::scope scope;
  bool resumable = false;
  timestamp opened_at;
  /// When it ends if it is not used, or renewed, until then.
  std::optional<timestamp> expires_at;
};

/// Which entries of an audit trail to list.
struct audit_options {
  std::size_t limit = limits::page_results_default;
  std::optional<std::string> cursor = {};
  /// E.g. "memory.create".
  std::optional<std::string> operation = {};
  /// "ok" or an error's code.
  std::optional<std::string> outcome = {};
  /// A key's label or id.
  std::optional<std::string> principal = {};
  std::optional<timestamp> since = {};
};

/// Who did what in a scope, and what came of it.
struct audit_record {
  std::uint64_t index = 0;
  timestamp at;
  /// A key's label, else its id; "operator", "system" or "anonymous".
  std::string principal;
  /// Labels can be alike, ids are not; empty where no key was used.
  std::string key_id;
  /// Of a narrowed key, the key and each step of its narrowing, as
  /// `revoke_key` takes them: "<key id>", "<key id>/<narrowing>", …
  std::vector<std::string> key_chain;
  std::string operation;
  std::string outcome;
  /// A path, or "erased".
  std::string scope;
  std::string reason;
  std::string request_id;
  std::vector<memory_id> targets;
  std::uint32_t count = 0;
  /// The scope whose chain begins here, if one does.
  std::string child;
  /// What was aimed at, where that is not `scope`: its path, or "unknown" where
  /// there is no such scope.
  std::string target;
};

/// One page of an audit trail, newest first.
struct audit_list {
  std::vector<audit_record> results;
  std::optional<std::string> cursor;
};

/// What was pruned from audit trails.
struct audit_pruning {
  std::uint64_t entries = 0;
  std::uint64_t chains = 0;
};

/// How often values lay up to some bounds, and beyond the last.
struct measured_histogram {
  std::vector<std::uint64_t> bounds;
  /// One more than there are bounds.
  std::vector<std::uint64_t> counts;
  std::uint64_t sum = 0;
};

/// What a runtime does, for measurements. Nothing of any tenant.
struct runtime_statistics {
  /// A write has failed, and the store is being opened again: changes wait.
  bool is_reopening = false;
  /// Scopes whose actors are awake.
  std::uint64_t active_scopes = 0;
  /// Scopes that have memories or keys on disk and whose actors are asleep;
  /// nothing until they were counted, soon after it was opened.
  std::optional<std::uint64_t> dormant_scopes = {};
  std::uint64_t open_sessions = 0;
  std::uint64_t requests_in_flight = 0;
  /// Bytes that scopes and sessions hold.
  std::uint64_t memory_bytes = 0;
  /// Changes that wait for the one writer.
  std::uint64_t commits_waiting = 0;
  /// Entries of audit trails that a restart would bring home.
  std::uint64_t audit_entries_waiting = 0;
  // Since it was opened:
  std::uint64_t memories_expired = 0;
  std::uint64_t data_keys_replaced = 0;
  std::uint64_t scopes_erased = 0;
  std::uint64_t sessions_ended = 0;
  /// Changes that one synced write made durable.
  measured_histogram commit_changes;
  /// Microseconds of such a write, its fsync included.
  measured_histogram commit_microseconds;
};

/// Whether audit trails are whole.
struct audit_verification {
  std::uint64_t entries = 0;
  std::uint64_t chains = 0;
  /// Of the chains, those whose oldest entries were pruned.
  std::uint64_t pruned = 0;
  bool intact = true;
  /// "scope#index" of the first break, and what is wrong there.
  std::string first_broken;
  std::string reason;
  /// What the chains were compared with.
  std::string checked_against;
};

} // namespace cloister
