// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "auth/audit_chain.hpp"
#include "auth/audit_stub.hpp"
#include "engine/ledger.hpp"
#include "engine/requests.hpp"
#include "engine/services.hpp"
#include "persistence/organization_ends.hpp"

namespace cloister::engine {

/// Verifies audit chains into a report: each link, each head, that each chain
/// below begins and ends where the one above says, and that none of those is
/// missing. Scopes may be made and erased while it runs: what has gone must
/// have been ended by a chain above. Reads the disk for long; one thread.
class chain_checker {
public:
  /// Each chain is to go on from where it is expected to have ended.
  chain_checker(const services& with, const std::vector<chain_head>& expected);

  /// Verifies the chains of a scope (of the node for null) and of all below.
  result<audit_report> run(const persistence::identity_ptr& identity);

  /// The tags of chains that were looked at, those that ended too.
  const std::set<persistence::scope_tag>& verified() const {
    return verified_;
  }

private:
  /// A chain that is being followed, or was.
  struct chain {
    ledger_context context;
    /// Whose chain it is; none for the node's.
    persistence::identity_ptr identity;
    std::string name;
    /// Of an organization that was erased.
    persistence::scope_tag former{};
    /// Entries cannot be opened, where it was too damaged to keep what opens
    /// them.
    bool opens = true;
    auth::chain_verifier verifier;
    /// Whether following it has begun.
    bool is_begun = false;
    /// Where it ended, if it has.
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max();
    /// What it says of chains below, by pseudonym.
    std::map<auth::pseudonym, auth::audit_anchor> anchors;
  };

  /// The end of a chain, by the one above.
  struct known_end {
    auth::audit_anchor anchor;
    /// None where the node tells of it: then its organization was erased.
    persistence::identity_ptr above;
    persistence::scope_tag former{};
    /// Which entry of which chain says so.
    std::size_t teller = 0;
    std::uint64_t index = 0;
  };

  /// A chain below that one has told of, and is not known to have been met.
  struct told_chain {
    auth::pseudonym pseudonym{};
    std::size_t teller = 0;
  };

  result<void> check_tree(const persistence::identity_ptr& identity,
                          const auth::audit_anchor* anchor);
  result<void> check_child(const persistence::identity_ptr& parent,
                           const persistence::identity_ptr& child,
                           std::size_t teller);
  result<std::size_t> check_own(const persistence::identity_ptr& identity,
                                const auth::audit_anchor* anchor);
  /// What is wrong with a chain, and where; no reason if all is well.
  struct finding {
    std::string reason;
    std::uint64_t index = 0;
  };
  result<finding> follow_own(chain& made, std::size_t number,
                             const auth::audit_anchor* anchor,
                             const std::optional<auth::audit_stub>& stub);
  result<std::string> follow_ended(chain& made, std::size_t number,
                                   const known_end& known);
  result<void> check_ended(const persistence::scope_tag& tag,
                           const known_end& known);
  result<const persistence::former_organization*>
  former_of(const persistence::scope_tag& tag);
  result<void> check_all_ended();
  result<void> look_for_missing();
  result<bool> is_open_session(const auth::pseudonym& pseudonym);
  result<bool> exists(const chain& teller, const auth::pseudonym& pseudonym);
  /// Goes on to the end of a chain as it is by now. `met` is called at each
  /// length; it answers false to stop.
  result<void> follow(chain& of, std::size_t number,
                      const std::function<void()>& met, std::string& reason);
  result<void> follow_above(persistence::identity_ptr identity);
  void note_told(const auth::audit_entry& entry, chain& of, std::size_t number,
                 std::uint64_t index);
  void note_end(const auth::audit_entry& entry, const chain& of,
                std::size_t number, std::uint64_t index);
  void begin_at(chain& of, const std::optional<auth::audit_stub>& stub);
  result<std::optional<auth::audit_stub>> stub_of(const chain& of,
                                                  std::string& reason) const;
  bool check_link(chain& of, std::size_t number, bytes_view key,
                  bytes_view value, std::string& reason);
  void compare_expected(const chain& of);
  result<std::vector<persistence::identity_ptr>>
  children_of(const persistence::identity_ptr& parent, const std::string& name);
  void note_break(std::string where, std::string reason);

  const services& with_;
  /// Ends that were not met yet.
  std::map<persistence::scope_tag, const chain_head*> expected_;
  audit_report report_;
  std::vector<chain> chains_;
  /// Those of scopes that are there, by tag.
  std::map<persistence::scope_tag, std::size_t> live_;
  std::map<persistence::scope_tag, known_end> ended_;
  std::map<persistence::scope_tag, persistence::former_organization> former_;
  std::map<crypto::digest, told_chain> told_;
  /// The beginnings of chains that were verified, or that one above has ended.
  std::set<crypto::digest> known_;
  /// Tags of chains that were verified, and of scopes that went meanwhile.
  std::set<persistence::scope_tag> verified_;
  std::vector<persistence::scope_tag> verified_in_order_;
  std::set<persistence::scope_tag> gone_;
  /// Of the node's list, when it was looked at last.
  std::set<auth::pseudonym> open_sessions_;
};

} // namespace cloister::engine
