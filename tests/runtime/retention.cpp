// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/runtime/aged_store.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;
using persistence::record_kind;

namespace {

audit_list trail_of(const client& of) {
  audit_options all;
  all.limit = 1000;
  return of.list_audit(all).value();
}

} // namespace

TEST_CASE("a pruned trail leaves a signed stub, and the rest verifies",
          "[runtime][retention]") {
  aged_store store;
  auto before = store.opened->make_checkpoint().value();
  auto old = trail_of(store.user("user_sarah")).results;
  auto done = store.prune("org_acme/user_sarah");
  CHECK(done.chains == 1);
  // Three memories, one of which was deleted.
  CHECK(done.entries == 4);
  CHECK(broken_in(*store.opened) == "");
  CHECK(store.opened->verify_all()->pruned == 1);
  auto left = trail_of(store.user("user_sarah")).results;
  for (const auto& each : left)
    CHECK(each.at >= store.cut);
  CHECK(std::count_if(left.begin(), left.end(),
                      [](const auto& each) {
                        return each.operation == "audit.prune"
                               && each.count > 0;
                      })
        == 1);
  // It was longer than what is left: nothing that is younger went.
  CHECK(left.size() + done.entries > old.size());
  CHECK(store.prune("org_acme/user_sarah").entries == 0);
  CHECK(damages_of(*store.opened) == "");
  // Checkpoints from before and after.
  auto report = store.opened->verify_all(before).value();
  CHECK(report.intact);
  CHECK(
    store.opened->verify_all(store.opened->make_checkpoint().value())->intact);
  store.opened.reset();
  store.opened = store.node.open_or_fail();
  CHECK(store.user("user_sarah").get_memory(store.updated.id).value()
        == store.updated);
  CHECK(broken_in(*store.opened, before) == "");
}

TEST_CASE("what is old in the whole store can be pruned, erased scopes too",
          "[runtime][retention]") {
  aged_store store;
  auto before = store.opened->make_checkpoint().value();
  store.prune_everything();
  CHECK(broken_in(*store.opened) == "");
  CHECK(broken_in(*store.opened, before) == "");
  CHECK(broken_in(*store.opened, store.kept) == "");
  auto told = store.opened->verify_all(store.kept)->checked_against;
  INFO(told);
  CHECK(told.find("chains, which were pruned beyond it") != std::string::npos);
  CHECK(damages_of(*store.opened) == "");
  // Those of erased scopes have no entry left; again and again it holds.
  for (int i = 0; i < 3; ++i) {
    store.node.time->advance(1h);
    store.cut = store.node.time->now();
    store.prune_everything();
    CHECK(broken_in(*store.opened) == "");
  }
  auto lines = exported(*store.opened);
  auto key = store.opened->receipt_key();
  auto report = verified(lines, key, before).value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  CHECK(report.chains == 6);
  // All but that of Bob, which nobody asked for.
  CHECK(report.pruned == 5);
  CHECK(store.user("user_gone").list_memories().error().code == errc::erased);
  store.user("user_bob").erase_scope().value();
  store.opened->erase_organization("org_acme", 0ms).value();
  CHECK(eventually([&] { return has_finished_erasures(*store.opened); }));
  store.node.time->advance(1h);
  store.cut = store.node.time->now();
  CHECK(store.prune("").chains > 3);
  CHECK(broken_in(*store.opened, before) == "");
  CHECK(damages_of(*store.opened) == "");
  CHECK(verified(exported(*store.opened), key, before)->intact);
}

TEST_CASE("a long trail is pruned some entries at a time",
          "[runtime][retention]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto sarah = opened.organization("org_acme")->client("user_sarah").value();
  auto made = sarah.create_memory(draft("x")).value();
  for (int i = 0; i < 2500; ++i)
    sarah.get_memory(made.id).value();
  // Those that were on their way are in the chain then.
  CHECK(trail_of(sarah).results.size() == 1000);
  node.time->advance(1 * days);
  auto done
    = opened.prune_audit("org_acme/user_sarah", node.time->now()).value();
  CHECK(done.entries > 2500);
  CHECK(broken_in(opened) == "");
  // One entry for each batch, and those that looked.
  CHECK(trail_of(sarah).results.size() < 10);
}

TEST_CASE("sessions that are open keep what tells of them",
          "[runtime][retention]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  auto agent = acme.client("agent_a").value();
  auto ephemeral = agent.open_session().value();
  auto resumable = agent.open_session({.resumable = true}).value();
  ephemeral->create_memory(draft("x")).value();
  resumable->create_memory(draft("y")).value();
  auto prune = [&](const std::string& name) {
    node.time->advance(1min);
    return opened.prune_audit(name, node.time->now());
  };
  CHECK(prune("org_acme/agent_a")->entries > 0);
  CHECK(broken_in(opened) == "");
  CHECK(prune(std::string{resumable.scope().path()})->entries > 0);
  CHECK(prune(std::string{ephemeral.scope().path()}).error().code
        == errc::invalid_argument);
  CHECK(broken_in(opened) == "");
  ephemeral.close().value();
  resumable.close().value();
  CHECK(broken_in(opened) == "");
  // The sessions' own trails go with those of the agent.
  CHECK(prune("org_acme/agent_a")->chains >= 3);
  CHECK(broken_in(opened) == "");
  CHECK(eventually([&] { return has_finished_erasures(opened); }));
  CHECK(damages_of(opened) == "");
}

TEST_CASE("pruning is refused for what is not there, or does not verify",
          "[runtime][retention]") {
  aged_store store;
  auto code = [&](const std::string& name) {
    return store.opened->prune_audit(name, store.cut).error().code;
  };
  CHECK(code("user_sarah") == errc::invalid_argument);
  CHECK(code("org_nobody") == errc::not_found);
  CHECK(code("org_acme/user_nobody") == errc::not_found);
  store.opened.reset();
  {
    auto parts = store.node.open_parts().value();
    auto acme
      = parts.catalog->find(scope::parse("org_acme/user_sarah").value())->exact;
    auto batch = std::make_shared<persistence::write_batch>();
    batch->erase(acme->space().key(record_kind::audit_entry, 1));
    std::vector batches{batch};
    parts.records->write(batches).value();
  }
  store.opened = store.node.open_or_fail();
  CHECK(code("org_acme/user_sarah") == errc::corrupted);
  CHECK(broken_in(*store.opened).starts_with("org_acme/user_sarah#1"));
}
