// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "auth/audit_entry.hpp"
#include "engine/services.hpp"
#include "persistence/erasure.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/session_record.hpp"

namespace cloister::engine {

/// Where the audit chain of a scope ends for good.
struct chain_end {
  persistence::scope_tag tag{};
  auth::audit_anchor anchor;
  /// Its head could not be read: it ends with what is left.
  bool is_guessed = false;
};

/// Some of what is erased.
struct listed_scopes {
  std::uint64_t scopes = 0;
  std::uint64_t memories = 0;
  std::uint64_t bytes = 0;
  std::vector<chain_end> ends;
  /// Up to which entry of the journal their chains have all once the batch is
  /// durable.
  std::vector<std::pair<persistence::scope_tag, std::uint64_t>> journaled;
};

/// A scope and all below it, which nobody uses any more, listed some at a time.
/// What is damaged is listed all the same, by what can be read without its key.
/// Reads the disk: a loader's work.
class erased_tree {
public:
  erased_tree() = default;
  erased_tree(persistence::identity_ptr parent,
              const persistence::scope_tag& top,
              persistence::partition_id partition)
    : partition_(partition), left_{{top, std::move(parent), true}} {}

  bool is_empty() const {
    return left_.empty();
  }

  /// Lists some more. Puts into `batch` how each is found once the key of `top`
  /// is gone, and what is left for its audit chain.
  result<listed_scopes> list_some(const services& with,
                                  const persistence::scope_tag& top,
                                  persistence::write_batch& batch);

private:
  struct member {
    persistence::scope_tag tag{};
    /// None where its keys cannot be had, nor those of what lies below.
    persistence::identity_ptr parent;
    bool has_parent = false;
  };

  result<void> list_one(const services& with, const member& one,
                        const persistence::scope_tag& top,
                        persistence::write_batch& batch, listed_scopes& out);
  result<void> end_sessions(const services& with, const member& one,
                            const persistence::identity_ptr& identity,
                            persistence::write_batch& batch,
                            listed_scopes& out);
  result<void> add_children(const services& with,
                            const persistence::scope_tag& tag,
                            const persistence::identity_ptr& identity);

  persistence::partition_id partition_ = 0;
  std::vector<member> left_;
  /// The node's list, once it was read: nobody opens any below meanwhile.
  std::optional<std::vector<persistence::listed_session>> sessions_;
};

/// Looks for a child that is to be erased. Fails with `not_found`, `erased`.
result<void> find_erased(const services& with,
                         const persistence::identity_ptr& parent,
                         const scope& name, persistence::scope_tag& tag,
                         persistence::erasure& out);

/// Looks for an erasure that was begun. False if there is none, or its keys
/// are destroyed.
result<bool> find_begun(const services& with,
                        const persistence::identity_ptr& parent,
                        const persistence::scope_tag& tag,
                        persistence::erasure& out);

} // namespace cloister::engine
