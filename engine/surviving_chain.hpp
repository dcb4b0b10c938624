// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "auth/audit_chain.hpp"
#include "auth/audit_stub.hpp"
#include "engine/ledger.hpp"
#include "engine/memory_table.hpp"
#include "engine/services.hpp"

namespace cloister::engine {

/// What survived of a scope's audit chain after damage, and what that proves.
class surviving_chain {
public:
  /// What the trail says of one memory.
  struct evidence {
    std::uint32_t revision = 0;
    record_tag tag{};
    timestamp at;
    /// False once entries after it are missing, any of which may have changed
    /// it.
    bool proven = true;
  };

  /// Reads the entries there are; `expected_length` is what the head tells of.
  /// May read the disk for long.
  result<void> read(const services& with, const ledger_context& context,
                    std::uint64_t expected_length);

  /// Entries are missing here: nothing before is proven any more.
  void note_gap(std::uint64_t entries);

  /// What stands for entries that were pruned, if that is genuine.
  const std::optional<auth::audit_stub>& stub() const {
    return stub_;
  }
  /// Pruned entries that are back.
  const std::vector<std::uint64_t>& stale() const {
    return stale_;
  }
  const std::vector<auth::audit_link>& links() const {
    return links_;
  }
  /// Memories by their sequence.
  const std::map<std::uint64_t, evidence>& live() const {
    return live_;
  }
  /// The reasons of revocations; see revocation_reason.hpp.
  const std::set<std::string>& revocations() const {
    return revocations_;
  }
  /// Scopes below whose chains are anchored in it.
  const std::set<auth::pseudonym>& anchored() const {
    return anchored_;
  }
  /// What became of the name of a scope that was erased.
  struct former_name {
    std::uint32_t incarnation = 1;
    timestamp at;
    /// False once it was reinstated.
    bool refused = true;
    /// No copies of what it had were left.
    bool with_copies = false;
  };
  const std::map<std::array<std::uint8_t, 16>, former_name>& former() const {
    return former_;
  }
  /// Where chains below began that have no end in this one.
  std::map<crypto::digest, auth::pseudonym> without_end() const;

  /// How many entries are known to be missing.
  std::uint64_t missing() const {
    return missing_;
  }
  std::uint64_t last_sequence() const {
    return last_sequence_;
  }
  /// Behind the last entry, by its index.
  std::uint64_t end() const {
    return end_;
  }

private:
  void take_effects(const auth::audit_entry& entry);
  void take_facts();

  std::optional<auth::audit_stub> stub_;
  std::vector<std::uint64_t> stale_;
  /// What tells of chains, names and revocations, with its index.
  std::vector<std::pair<std::uint64_t, auth::audit_entry>> facts_;

  std::vector<auth::audit_link> links_;
  std::map<std::uint64_t, evidence> live_;
  std::set<std::string> revocations_;
  std::set<auth::pseudonym> anchored_;
  std::map<std::array<std::uint8_t, 16>, former_name> former_;
  std::map<crypto::digest, auth::pseudonym> begun_;
  std::set<crypto::digest> ended_;
  std::uint64_t missing_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t end_ = 0;
};

} // namespace cloister::engine
