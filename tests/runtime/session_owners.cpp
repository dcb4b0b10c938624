// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// A session ends when the actor that opened it does.

#include <catch2/catch.hpp>

#include <caf/all.hpp>

#include "runtime/caf.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

struct lent_world {
  lent_world() : system(configured(config)) {
    node.options.system = &system;
  }
  static caf::actor_system_config& configured(caf::actor_system_config& of) {
    of.set("scheduler.policy", caf::atom("sharing"));
    return of;
  }

  caf::actor_system_config config;
  caf::actor_system system;
  test_node node;
};

bool is_over(const client& of) {
  auto read = of.list_memories();
  return read.has_error() && read.error().code == errc::erased;
}

/// The sessions that an owner was given.
struct given_sessions {
  std::mutex mutex;
  std::vector<opened_session> list;

  std::size_t count() {
    std::lock_guard guard{mutex};
    return list.size();
  }
};

/// Opens sessions and then does nothing until it is told to end.
caf::behavior owner(caf::event_based_actor* self, const client_actor& memories,
                    const std::shared_ptr<given_sessions>& given, int count) {
  for (int i = 0; i < count; ++i)
    self->request(memories, caf::infinite, open_session{})
      .then([given](const opened_session& opened) {
        std::lock_guard guard{given->mutex};
        given->list.push_back(opened);
      });
  return {[self](int) { self->quit(); }};
}

} // namespace

TEST_CASE("sessions end when the actor that opened them dies",
          "[session][async]") {
  lent_world lent;
  auto runtime = lent.node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto planner = acme.client("agent_planner").value();
  auto memories = spawn_client(lent.system, planner);
  auto reason = GENERATE(caf::exit_reason::kill, caf::exit_reason::normal,
                         caf::exit_reason::unhandled_exception);
  auto given = std::make_shared<given_sessions>();
  auto others = std::make_shared<given_sessions>();
  auto dies = lent.system.spawn(owner, memories, given, 3);
  auto lives = lent.system.spawn(owner, memories, others, 1);
  REQUIRE(eventually([&] { return given->count() == 3; }));
  REQUIRE(eventually([&] { return others->count() == 1; }));
  {
    caf::scoped_actor self{lent.system};
    for (const auto& each : given->list)
      self->request(each.memories, caf::infinite, create_memory{draft("x")})
        .receive([](const memory&) {}, [](const caf::error&) { FAIL(); });
  }
  // An actor that is asked to end "normally" takes no notice.
  if (reason == caf::exit_reason::normal)
    caf::anon_send(dies, 1);
  else
    caf::anon_send_exit(dies, reason);
  for (const auto& each : given->list) {
    auto bound = acme.client(each.info.scope.path()).value();
    CHECK(eventually([&] { return is_over(bound); }));
  }
  CHECK_FALSE(
    is_over(acme.client(others->list.front().info.scope.path()).value()));
  CHECK(eventually([&] { return planner.list_sessions()->size() == 1; }));
  std::set<std::string> reasons;
  for (const auto& line :
       planner.list_audit({.operation = "session.end"}).value().results)
    reasons.insert(line.reason);
  CHECK(reasons.contains("its owner ended"));
  CHECK(runtime.verify_all()->intact);
  caf::anon_send_exit(lives, caf::exit_reason::kill);
  given->list.clear();
  others->list.clear();
  CHECK(eventually([&] { return planner.list_sessions()->empty(); }));
}

TEST_CASE("a session ends with the last reference to its actor",
          "[session][async]") {
  lent_world lent;
  auto runtime = lent.node.open_or_fail();
  auto planner
    = runtime.organization("org_acme")->client("agent_planner").value();
  auto memories = spawn_client(lent.system, planner);
  caf::scoped_actor self{lent.system};
  std::optional<opened_session> opened;
  auto fails = [](const caf::error& why) { FAIL(to_error(why).detail); };
  self->request(memories, caf::infinite, open_session{})
    .receive([&](const opened_session& given) { opened = given; }, fails);
  REQUIRE(opened);
  memory_id id;
  self
    ->request(opened->memories, caf::infinite,
              create_memory{draft("worth keeping")})
    .receive([&](const memory& made) { id = made.id; }, fails);
  self->request(opened->memories, caf::infinite, renew_session{})
    .receive([](const session_info&) {}, fails);
  self->request(opened->memories, caf::infinite, promote_memory{{id}})
    .receive(
      [](const located_memories& moved) { CHECK(moved.memories.size() == 1); },
      fails);
  CHECK(planner.list_memories()->results.size() == 1);
  CHECK(planner.list_sessions()->size() == 1);
  opened.reset();
  CHECK(eventually([&] { return planner.list_sessions()->empty(); }));
  // Ended by message, it tells where the trail has it.
  self->request(memories, caf::infinite, open_session{})
    .receive([&](const opened_session& given) { opened = given; }, fails);
  self->request(opened->memories, caf::infinite, end_session{})
    .receive(
      [&](const erasure_receipt& receipt) {
        CHECK(verify_receipt(receipt, runtime.receipt_key()).has_value());
      },
      fails);
  self->request(opened->memories, caf::infinite, list_memory{})
    .receive(
      [](const memory_list&) { FAIL(); },
      [](const caf::error& why) { CHECK(to_error(why).code == errc::erased); });
}
