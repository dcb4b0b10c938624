// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What the runtime refuses to exceed. Names end in the unit and the bound.
namespace cloister::limits {

using namespace std::chrono_literals;

// -- scopes --
constexpr std::size_t scope_depth_max = 5;
constexpr std::size_t scope_name_bytes_max = 128;
/// The longest kind prefix is "customer_".
constexpr std::size_t scope_segment_bytes_max = 9 + scope_name_bytes_max;
constexpr std::size_t scope_path_bytes_max
  = scope_depth_max * (scope_segment_bytes_max + 1) - 1;
/// Erasures that run at a time.
constexpr std::size_t erasures_in_flight_max = 64;
constexpr std::size_t erasures_of_organization_max = 16;
/// Erased scopes that wait for their space to be given back, and are remembered
/// as such; more are looked for.
constexpr std::size_t erased_waiting_max = 10'000;
/// Scopes named by one `scopes` option.
constexpr std::size_t scopes_per_request_max = 16;
/// Scopes that one `visibility: subtree` may cover.
constexpr std::size_t subtree_scopes_max = 10'000;
/// Events that one call answers.
constexpr std::size_t events_per_page = 256;

// -- sessions --
constexpr std::chrono::milliseconds session_idle_default = 30min;
constexpr std::chrono::milliseconds session_absolute_default = 24h;
/// Of any of their timeouts.
constexpr std::chrono::milliseconds session_timeout_max = 24h * 365;
constexpr std::chrono::milliseconds session_timeout_min = 100ms;
constexpr std::size_t sessions_per_organization_max = 10'000;
constexpr std::size_t sessions_per_node_max = 100'000;
/// Of the plaintext records of one session.
constexpr std::uint64_t session_bytes_max = 64 * 1024 * 1024;
/// Sealed records that one ephemeral session keeps in memory, and all of them
/// together; the rest is in files, of which there are so many at most.
constexpr std::size_t session_memory_bytes_max = 1024 * 1024;
constexpr std::int64_t sessions_memory_bytes_max = 1024 * 1024 * 1024;
constexpr std::size_t session_files_max = 256;
/// Sources of copies that an ephemeral session remembers one by one.
constexpr std::size_t session_sources_max = 256;
/// Why sessions ended is remembered for so many.
constexpr std::size_t ended_sessions_remembered = 10'000;
/// How often sessions that are due are looked for; nobody uses them meanwhile.
constexpr std::chrono::milliseconds session_look_interval = 500ms;
/// Sessions that end at a time because they are due.
constexpr std::size_t session_ends_at_a_time = 64;

// -- memories --
constexpr std::size_t content_bytes_max = 64 * 1024;
constexpr std::size_t type_bytes_max = 64;
constexpr std::size_t metadata_bytes_max = 16 * 1024;
constexpr std::size_t metadata_depth_max = 32;
constexpr std::size_t memory_key_bytes_max = 256;
constexpr std::size_t embedding_dimensions_max = 4096;
constexpr std::size_t idempotency_key_bytes_max = 256;
constexpr std::size_t label_bytes_max = 256;
/// Of the reason in an audit entry.
constexpr std::size_t reason_bytes_max = 256;
/// Old revisions kept; the oldest is dropped beyond.
constexpr std::size_t revisions_kept_max = 100;
/// Scopes that a memory may have come through, with those above them.
constexpr std::size_t origin_scopes_max = 32;
constexpr std::size_t batch_memories_max = 1000;
constexpr std::chrono::hours idempotency_lifetime = 24h;

// -- lists and searches --
constexpr std::size_t page_results_max = 1000;
constexpr std::size_t page_results_default = 50;
constexpr std::size_t search_results_default = 10;
constexpr std::size_t query_bytes_max = 64 * 1024;
constexpr std::size_t query_terms_max = 256;
constexpr std::size_t filter_bytes_max = 16 * 1024;
/// Levels of AND, OR and NOT.
constexpr std::size_t filter_depth_max = 16;
/// Comparisons of one filter, and values of one list.
constexpr std::size_t filter_tests_max = 128;
constexpr std::size_t filter_list_max = 1000;
/// Comparisons of one filter that look through a text, and for how much.
constexpr std::size_t filter_contains_max = 16;
constexpr std::size_t filter_contains_bytes_max = 256;
/// A longer run of letters is cut here before it is indexed.
constexpr std::size_t term_bytes_max = 64;

// -- keys --
constexpr std::size_t restrictions_max = 8;
/// A key's text, narrowings included.
constexpr std::size_t api_key_characters_max = 8192;
/// Narrowed keys that were revoked while the key they came from lives.
constexpr std::size_t revoked_narrowings_max = 1000;
constexpr std::size_t keys_per_organization_max = 10'000;
/// Revoked and expired ones too: their records stay for the audit trail.
constexpr std::size_t keys_ever_per_organization_max = 200'000;

// -- time --
constexpr std::chrono::milliseconds request_timeout_default = 30s;
constexpr std::chrono::milliseconds request_timeout_max = 10min;
/// What one call into an engine may use of a scheduler thread.
constexpr std::chrono::microseconds engine_budget = 2ms;
/// What one job may use of a loader before others have their turn.
constexpr std::chrono::milliseconds loader_slice = 20ms;
/// A read's audit entry is synced no later than this after its answer.
constexpr std::chrono::milliseconds audit_sync_delay_max = 100ms;

// -- work in flight --
constexpr std::size_t in_flight_per_scope_max = 512;
constexpr std::size_t in_flight_per_node_max = 8192;
constexpr std::chrono::milliseconds overload_retry_hint = 50ms;
/// Audit entries that are not in their chains yet: while nothing can be
/// written, reads go on until this is full.
constexpr std::size_t journal_bytes_max = 32 * 1024 * 1024;
/// Contents and metadata of one batch of memories, and of all that are in
/// flight at a node.
constexpr std::size_t batch_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t in_flight_bytes_max = 256 * 1024 * 1024;
/// Contents and metadata of one answer; it then has fewer memories than asked
/// for. Larger than any one of them.
constexpr std::size_t answer_bytes_max = 16 * 1024 * 1024;

// -- memory --
/// Plaintext records one active scope keeps; the rest is read when asked for.
constexpr std::size_t scope_content_cache_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t node_memory_budget_bytes_default
  = std::size_t{2} * 1024 * 1024 * 1024;
constexpr std::chrono::milliseconds scope_idle_default = 10min;

/// Scopes whose index has a checkpoint: smaller ones are indexed as fast, and
/// of larger ones it would take a scheduler thread for too long.
constexpr std::size_t checkpointed_documents_min = 500;
constexpr std::size_t checkpointed_index_bytes_max = 16 * 1024 * 1024;

/// What was removed leaves the disk within this: its data key is destroyed.
constexpr std::chrono::hours purge_within_default = 24h;
/// Between disabling an organization and destroying it.
constexpr std::chrono::hours organization_erasure_delay_default = 7 * 24h;
constexpr std::chrono::hours organization_erasure_delay_max = 10 * 365 * 24h;

// -- the disk --
/// Below this only deletions and erasures are accepted.
constexpr std::uint64_t free_space_bytes_min = 64 * 1024 * 1024;
/// Preallocated, and released before the database is reopened on a full disk.
constexpr std::uint64_t reserve_bytes = 16 * 1024 * 1024;
/// Batches joined into one synced write stop growing here.
constexpr std::size_t commit_group_bytes_max = 4 * 1024 * 1024;

static_assert(scope_path_bytes_max < 1024,
              "a scope path is part of every request, keep it short");
static_assert(search_results_default <= page_results_max);
static_assert(page_results_default <= page_results_max);
static_assert(content_bytes_max + metadata_bytes_max < answer_bytes_max);

} // namespace cloister::limits
