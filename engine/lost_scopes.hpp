// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <vector>

#include "engine/erased_tree.hpp"
#include "engine/ledger.hpp"

namespace cloister::engine {

/// Ends the chains of scopes below one that no catalog lists any more, because
/// damage took their entries, as if they had been erased: what is left of them
/// is given back by the next start. For a repair; reads all of the store.
class lost_scopes {
public:
  using beginnings = std::map<crypto::digest, auth::pseudonym>;

  /// `book` is of the scope above, which has an organization. All of it
  /// outlives this.
  lost_scopes(const services& with, persistence::identity_ptr above,
              persistence::write_batch& batch, ledger& book)
    : with_(with), above_(std::move(above)), batch_(batch), book_(book) {}

  /// Ends the chains that began so, and those that they tell of and have no
  /// end either.
  result<void> end(beginnings missing);

  /// How many audit entries are left of each.
  const std::vector<std::uint64_t>& entries_left() const {
    return entries_left_;
  }

private:
  using tags_by_beginning = std::map<crypto::digest, persistence::scope_tag>;

  result<tags_by_beginning> find_tags() const;
  result<std::vector<persistence::scope_tag>>
  end_tree(const persistence::scope_tag& tag);
  void end_chain(const chain_end& end);
  result<beginnings> told_by(const persistence::scope_tag& tag) const;
  bool is_listed(const persistence::scope_tag& tag) const;

  const services& with_;
  persistence::identity_ptr above_;
  persistence::write_batch& batch_;
  ledger& book_;
  std::vector<std::uint64_t> entries_left_;
};

/// Whether an erasure of that scope was begun and is not finished.
bool is_being_erased(const services& with, const persistence::scope_tag& tag);

} // namespace cloister::engine
