// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "persistence/erased_name.hpp"
#include "persistence/erasure.hpp"
#include "persistence/node_identity.hpp"
#include "persistence/organization_records.hpp"

namespace cloister::persistence {

// What scopes exist. A child's entry lies in its parent's key space.
//
//   child value  := sealed under the parent's control key, context = its key:
//                   version:u8 slot:be64 incarnation:be32 state:u8
//                   created:be64 name
//   name         := sealed under the child's control key, context = "name" tag:
//                   pseudonym:16 segment
//   tombstone    := sealed under the parent's control key, context = its key:
//                   version:u8 incarnation:be32 state:u8 erased:be64
//   state        := 1 the name is refused | 2 it is not: it was reinstated, or
//                   the incarnation was lost with damage; plus 16 where no
//                   copies of what it had were left elsewhere
//   locator and pseudonym values := sealed under the organization's control
//                   key, context = its key: version:u8 (tag:16)*   outermost
//                   first, without the organization
//
//   tag          := BLAKE2b-128(organization's tag key,
//                               "tag" parent_tag incarnation:be32 segment)
//   tombstone's rest := BLAKE2b-128(tag key, "tombstone" parent_tag segment)
//   partition    := first two bytes of BLAKE2b-128(node's tag key,
//                   "partition" organization) modulo 1024
//
//   session name := "session_" followed by 32 hexadecimal digits: 10 random
//                   bytes, and 6 of BLAKE2b-128(tag key,
//                   "session" parent_tag random)
//
// For organizations the parent is the node and the tag key the node's.

/// Where a path ends.
struct scope_lookup {
  /// The scope itself; none if it does not exist.
  identity_ptr exact;
  /// The innermost ancestor that exists; none if the organization does not.
  identity_ptr nearest;
};

/// What a parent knows of a child, whose own keys it takes no look at.
struct child_entry {
  std::uint64_t slot = 0;
  std::uint32_t incarnation = 1;
};

/// What an erasure does to the parent's registry.
struct registry_change {
  std::vector<registry_addition> additions;
  std::vector<registry_addition> removals;
};

/// What lets a name be used again.
struct reinstated_child {
  registry_change changes;
  /// The rest of the tombstone's key.
  std::array<std::uint8_t, 16> name{};
  /// The one that was erased.
  std::uint32_t incarnation = 1;
};

struct prepared_child {
  identity_ptr identity;
  /// For the parent's registry.
  std::vector<registry_addition> additions;
  std::vector<registry_addition> removals;
  /// For the child's own: an organization's secrets.
  std::vector<registry_addition> own_additions;
};

/// Thread-safe. Calls may read the disk, so only loaders make them.
class catalog {
public:
  catalog(std::shared_ptr<const node_identity> node, const store& records,
          key_slots& slots);

  /// Finds a scope. Fails with `erased` where it or an ancestor was erased.
  result<scope_lookup> find(const scope& name) const;

  /// The child of `parent` (none for an organization) with a tag.
  result<identity_ptr> open_child(const identity_ptr& parent,
                                  const scope_tag& tag) const;

  /// The organization whose tag begins with these five bytes. Fails with
  /// `not_found`; of several the first is taken.
  result<identity_ptr> organization_at(bytes_view locator) const;

  /// Follows tags from an organization inwards.
  result<identity_ptr> follow(const scope_tag& organization,
                              const std::vector<scope_tag>& tags) const;

  /// Calls `visit` for each child of a scope (of the node for null) until it
  /// answers false. Damaged entries are reported as errors.
  result<void>
  children(const identity_ptr& parent,
           const std::function<bool(result<identity_ptr>)>& visit) const;

  /// Makes a new child: its keys, its slot and its records in `batch`. The
  /// caller adds the child's first head, and the additions to the parent's.
  result<prepared_child> prepare_child(const identity_ptr& parent,
                                       const scope& name, timestamp now,
                                       write_batch& batch);

  /// What a parent knows of a child; nothing if it has none with that tag.
  /// Answers also where the child's key is damaged or destroyed.
  result<std::optional<child_entry>> entry_of(const identity_ptr& parent,
                                              const scope_tag& tag) const;

  /// The tag that a name has now, whether there is such a child or not. Fails
  /// with `erased`.
  result<scope_tag> current_tag_of(const identity_ptr& parent,
                                   std::string_view segment) const;

  /// The incarnation that goes with that tag.
  result<std::uint32_t> current_incarnation_of(const identity_ptr& parent,
                                               std::string_view segment) const;

  /// A name for a session below `parent` that says by itself that it was made
  /// here: where there is no such scope, it has ended.
  std::string mint_session_name(const identity_ptr& parent) const;
  bool is_minted_session(const identity_ptr& parent,
                         std::string_view segment) const;

  /// A session whose keys are in memory only, and that no record tells of.
  static identity_ptr make_session(const identity_ptr& parent,
                                   const scope& name, const scope_tag& tag,
                                   timestamp now);

  /// Puts into `batch` what must be gone of a child whose erasure was intended,
  /// with its key: its entry, what finds it by tag or pseudonym, and the
  /// tombstone that refuses its name.
  result<registry_change> prepare_erasure(const identity_ptr& parent,
                                          const scope_tag& tag,
                                          const erasure& what,
                                          write_batch& batch) const;

  /// What finds a descendant of an organization by tag or pseudonym.
  static void erase_index_records(partition_id partition,
                                  const scope_tag& organization,
                                  const scope_tag& tag,
                                  const scope_pseudonym& pseudonym,
                                  write_batch& batch);

  /// Whether a tombstone says what it should, or is of a later time; for a
  /// repair.
  bool is_tombstone_of(const identity_ptr& parent, const storage_key& key,
                       std::uint32_t incarnation, bool refused) const;

  /// A tombstone, for a repair; of `what` the name is in the key.
  bytes tombstone_of(const identity_ptr& parent, const storage_key& key,
                     const erased_name& what) const;

  /// Puts into `batch` what lets a name that was erased be used again. Fails
  /// with `conflict` if it is not refused.
  result<reinstated_child> prepare_reinstatement(const identity_ptr& parent,
                                                 std::string_view segment,
                                                 write_batch& batch) const;

  /// When a scope, or one above it, was last erased; nothing if none was. Keys
  /// that were narrowed to it before are not of what has the name now.
  result<std::optional<timestamp>> erased_at(const scope& name) const;

  /// The slot of a child whose entry cannot be read, by looking at all slots.
  result<std::optional<std::uint64_t>>
  slot_of_damaged(const scope_tag& tag) const;

  /// Whether a slot is still that of a scope; not if it was destroyed.
  result<bool> owns_slot(const scope_tag& tag, std::uint64_t slot) const;

  /// The rest of the tombstone's key of a child's name.
  std::array<std::uint8_t, 16> name_hash(const identity_ptr& parent,
                                         std::string_view segment) const;

  /// The names below a scope (below the node for null) that were erased, by
  /// its tombstones. Fails with `corrupted`.
  result<std::vector<erased_name>>
  erased_names_of(const identity_ptr& parent) const;

  /// From now on the node's records of erased names are looked at, too.
  void heed_erased_names() {
    heeds_erased_names_.store(true, std::memory_order_release);
  }

  /// A scope's slot with other data keys.
  struct prepared_slot {
    slot_write write;
    /// The master key that it is under, if it is; held until it is written.
    master_keys::key_ptr under;
  };
  prepared_slot data_slot(const scope_identity& of,
                          const data_keys& data) const;

  /// Writes the newer copy of a scope's slot over the other, where a crash left
  /// them unlike.
  result<void> mend_slot(const scope_identity& of) const;

  /// Has a scope's data keys be those of its slot; what became of a write that
  /// failed is not known before. Reads the file of keys.
  result<void> refresh_data_keys(const scope_identity& of) const;

  /// Wraps what is under the former master key under the new one; see
  /// rotation.hpp.
  result<std::size_t> rewrap_some(std::size_t limit, write_batch& batch) const;

  /// Counts the scopes that have keys on disk, where that was not done yet,
  /// which looks at all of them. Fails where they cannot be read.
  result<void> count_scopes() const;
  /// How many there are; nothing as long as they were not counted.
  std::optional<std::uint64_t> scopes() const;

  /// Forgets a scope that was erased: who looks for it reads the store.
  void forget(const scope_tag& tag);

  /// The scopes of an organization whose tag begins with a 40-bit locator.
  result<std::vector<std::vector<scope_tag>>>
  locate(const scope_identity& organization, std::uint64_t locator) const;

  /// The tags that lead to the scope with a pseudonym; empty for the
  /// organization itself, `not_found` if unknown.
  result<std::vector<scope_tag>>
  find_pseudonym(const scope_identity& organization,
                 const scope_pseudonym& pseudonym) const;

  /// The tag a name would have under a parent as its given incarnation.
  scope_tag tag_of(const identity_ptr& parent, std::string_view segment,
                   std::uint32_t incarnation) const;

  /// Where a child's records are.
  partition_id partition_of(const identity_ptr& parent,
                            std::string_view segment) const;

  /// The tag of a scope of an organization, as long as each scope on the way to
  /// it is the first one of its name; for the audit trail. Reads nothing.
  scope_tag first_tag_of(const scope_identity& organization,
                         const scope& name) const;

  const node_identity& node() const {
    return *node_;
  }

private:
  struct incarnation_state {
    std::uint32_t incarnation = 1;
    bool refused = false;
    /// When the one before was.
    timestamp erased;
    bool with_copies = false;
  };

  key_space space_of(const identity_ptr& parent) const;
  const crypto::secret_key& control_of(const identity_ptr& parent) const;
  const crypto::secret_key& tag_key_of(const identity_ptr& parent) const;
  scope_tag tag_of_parent(const identity_ptr& parent) const;
  bytes tombstone_rest(const identity_ptr& parent,
                       std::string_view segment) const;
  result<incarnation_state> incarnation_of(const identity_ptr& parent,
                                           std::string_view segment) const;
  result<void> pass_over_used_tags(const identity_ptr& parent,
                                   std::string_view segment,
                                   partition_id partition,
                                   incarnation_state& state, write_batch& batch,
                                   prepared_child& out) const;
  result<incarnation_state> tombstone_at(const identity_ptr& parent,
                                         const storage_key& key) const;
  result<identity_ptr> decode_child(const identity_ptr& parent,
                                    const scope_tag& tag,
                                    bytes_view sealed) const;
  identity_ptr cached(const scope_tag& tag) const;
  identity_ptr remember(identity_ptr identity) const;
  void add_index_records(const scope_identity& child, write_batch& batch);

  std::shared_ptr<const node_identity> node_;
  const store& records_;
  key_slots& slots_;
  /// Only a store that was restored has such records.
  std::atomic<bool> heeds_erased_names_{false};
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::weak_ptr<const scope_identity>>
    cache_;
};

/// The tags from below the organization down to a scope.
std::vector<scope_tag> tags_of(const scope_identity& identity);

} // namespace cloister::persistence
