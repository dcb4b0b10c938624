// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

using lines = std::vector<std::string>;

audit_line_sink into(lines& out) {
  return [&out](const std::string& line) {
    out.push_back(line);
    return true;
  };
}

result<audit_verification>
verified(const lines& exported, const std::optional<std::string>& key = {},
         const std::optional<audit_checkpoint>& against = {}) {
  std::size_t at = 0;
  auto next = [&]() -> std::optional<std::string> {
    if (at == exported.size())
      return std::nullopt;
    return exported[at++];
  };
  return verify_audit_export(next, key, against);
}

/// A store with one scope that stays and one that was erased.
struct exported_store {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  lines all;

  exported_store() {
    acme.client("user_sarah")->create_memory(draft("x")).value();
    acme.client("user_gone/agent_a")->create_memory(draft("y")).value();
    acme.client("user_gone")->erase_scope().value();
    opened.export_audit(into(all)).value();
  }
};

} // namespace

TEST_CASE("an export verifies without the store, erased scopes too",
          "[runtime][audit_export]") {
  exported_store store;
  auto report = verified(store.all, store.opened.receipt_key()).value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  // The node, the organization, the one that stays, and two that are gone.
  CHECK(report.chains == 5);
  CHECK(report.entries == store.all.size() - 1);
  CHECK(verified(store.all)->intact);
  lines own;
  store.acme.client("user_sarah")->export_audit(into(own)).value();
  CHECK(verified(own)->chains == 1);
  for (const auto& line : store.all)
    CHECK(line.find("user_gone") == std::string::npos);
}

TEST_CASE("an export that was bent is told", "[runtime][audit_export]") {
  exported_store store;
  auto key = store.opened.receipt_key();
  for (std::size_t i = 0; i < store.all.size(); ++i) {
    auto bent = store.all;
    bent.erase(bent.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(verified(bent, key).has_error());
    bent = store.all;
    std::swap(bent[i], bent[(i + 1) % bent.size()]);
    CHECK(verified(bent, key).has_error());
    bent = store.all;
    bent[i].replace(bent[i].size() - 4, 1,
                    bent[i][bent[i].size() - 4] == '0' ? "1" : "0");
    CHECK(verified(bent, key).has_error());
  }
  test_node other;
  CHECK(verified(store.all, other.open_or_fail().receipt_key()).error().code
        == errc::corrupted);
  CHECK(verified({"{}"}).error().code == errc::invalid_argument);
  CHECK(verified({}).error().code == errc::invalid_argument);
}

TEST_CASE("a store that lies about its past is caught by a checkpoint kept "
          "elsewhere",
          "[runtime][audit_export]") {
  test_node node;
  {
    auto opened = node.open_or_fail();
    opened.organization("org_acme")
      ->client("user_sarah")
      ->create_memory(draft("x"))
      .value();
  }
  auto older = node.files->after_kill();
  audit_checkpoint kept;
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    acme.client("user_sarah")->create_memory(draft("y")).value();
    kept = opened.make_checkpoint().value();
  }
  // Put back, it goes another way: two histories.
  test_node back{node, older};
  auto opened = back.open_or_fail();
  CHECK(opened.verify_all().value().intact);
  CHECK_FALSE(opened.verify_all(kept)->intact);
  auto acme = opened.organization("org_acme").value();
  for (int i = 0; i < 5; ++i)
    acme.client("user_sarah")->create_memory(draft("z")).value();
  lines forked;
  opened.export_audit(into(forked)).value();
  CHECK(verified(forked)->intact);
  CHECK_FALSE(verified(forked, opened.receipt_key(), kept)->intact);
  CHECK_FALSE(opened.verify_all(kept)->intact);
  auto text = to_json_text(kept);
  CHECK(parse_audit_checkpoint(text).value() == kept);
}
