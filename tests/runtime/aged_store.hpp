// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

/// Stores whose trails are old enough to be pruned.
namespace cloister::test {

inline constexpr auto days = std::chrono::hours{24};

/// Whether everything verifies; says what does not.
inline std::string broken_in(const runtime& opened,
                             const std::optional<audit_checkpoint>& against
                             = {}) {
  auto report = opened.verify_all(against);
  if (report.has_error())
    return report.error().detail;
  return report->intact ? "" : report->first_broken + ": " + report->reason;
}

inline std::vector<std::string> exported(const runtime& opened) {
  std::vector<std::string> out;
  opened
    .export_audit([&out](const std::string& line) {
      out.push_back(line);
      return true;
    })
    .value();
  return out;
}

inline result<audit_verification>
verified(const std::vector<std::string>& lines, const std::string& key,
         const std::optional<audit_checkpoint>& against = {}) {
  std::size_t at = 0;
  auto next = [&]() -> std::optional<std::string> {
    return at == lines.size() ? std::nullopt : std::optional{lines[at++]};
  };
  return verify_audit_export(next, key, against);
}

/// A store with old entries and young ones. `cut` lies between them.
struct aged_store {
  test_node node;
  std::optional<runtime> opened = node.open_or_fail();
  timestamp cut;
  /// From before anything became old.
  audit_checkpoint kept;
  memory updated;
  memory last;
  std::string revoked_key;

  aged_store() {
    auto acme = opened->organization("org_acme").value();
    auto sarah = acme.client("user_sarah").value();
    updated = sarah.create_memory(draft("first")).value();
    kept = opened->make_checkpoint().value();
    last = sarah.create_memory(draft("second")).value();
    auto gone = sarah.create_memory(draft("third")).value();
    sarah.delete_memory(gone.id).value();
    auto key = acme.create_key({.root = "user_sarah"}).value();
    acme.client("")->revoke_key(key.info.key_id).value();
    revoked_key = key.api_key;
    acme.client("user_gone/agent_a")->create_memory(draft("x")).value();
    acme.client("user_gone/agent_a")->erase_scope().value();
    acme.client("user_gone")->erase_scope().value();
    memory_patch patch;
    patch.content = "first, changed";
    node.time->advance(10 * days);
    cut = node.time->now();
    node.time->advance(std::chrono::hours{1});
    updated = sarah.update_memory(updated.id, patch).value();
    acme.client("user_bob")->create_memory(draft("y")).value();
    REQUIRE(eventually([&] { return has_finished_erasures(*opened); }));
  }

  audit_pruning prune(const std::string& name) const {
    return opened->prune_audit(name, cut).value();
  }
  void prune_everything() const {
    for (auto name : {"org_acme/user_sarah", "org_acme", ""})
      CHECK(prune(name).entries > 0);
  }
  client user(const std::string& name) const {
    return opened->organization("org_acme")->client(name).value();
  }
};

} // namespace cloister::test
