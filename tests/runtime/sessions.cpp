// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "persistence/session_store.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

struct session_world {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  client planner = acme.client("agent_planner").value();

  /// The runtime ends as it should, and another one begins.
  void reopen() {
    auto fresh = node;
    planner = acme.client("agent_planner").value();
  }
};

std::vector<std::string> contents_of(const client& of) {
  std::vector<std::string> out;
  for (const auto& hit : of.list_memories().value().results)
    out.push_back(hit.memory.content);
  return out;
}

} // namespace

TEST_CASE("a session remembers like any scope, and only in itself",
          "[session]") {
  session_world w;
  auto resumable = GENERATE(false, true);
  auto run = w.planner.open_session({.resumable = resumable}).value();
  CHECK(w.planner.bound_to().contains(run.scope()));
  auto made = run->create_memory(draft("the user asked for tea")).value();
  CHECK(run->get_memory(made.id)->content == "the user asked for tea");
  CHECK(run->search_memories({.query = "tea"})->results.size() == 1);
  memory_patch patch;
  patch.content = "the user asked for coffee";
  CHECK(run->update_memory(made.id, patch)->revision == 2);
  CHECK(run->memory_history(made.id)->size() == 2);
  CHECK(run->restore_memory(made.id, 1)->content == "the user asked for tea");
  CHECK(w.planner.list_memories()->results.empty());
  CHECK(w.planner.get_memory(made.id).error().code == errc::not_found);
  auto keyed = draft("a");
  keyed.key = "k";
  keyed.idempotency_key = "once";
  auto first = run->create_memory(keyed).value();
  CHECK(run->create_memory(keyed)->id == first.id);
  CHECK(run->show_scope()->memories == 2);
  run->delete_memory(first.id).value();
  CHECK(run->delete_all_memories().value() == 1);
  CHECK(run->list_memories()->results.empty());
  CHECK(run->create_memory(draft("after all was deleted")).has_value());
  CHECK(run->list_audit()->results.size() >= 10);
  CHECK(w.opened.verify_all()->intact);
  auto receipt = run.close().value();
  CHECK(receipt.scope == run.scope().path());
  CHECK(receipt.memories == 1);
  CHECK(verify_receipt(receipt, w.opened.receipt_key()).has_value());
  CHECK(w.opened.verify_all()->intact);
  CHECK(run->list_memories().error().code == errc::erased);
  CHECK(run->create_memory(draft("x")).error().code == errc::erased);
  CHECK(damages_of(w.opened).empty());
}

TEST_CASE("large ephemeral sessions go to a file, which goes with them",
          "[session]") {
  session_world w;
  auto run = w.planner.open_session().value();
  std::vector<memory_id> ids;
  std::string filler(30'000, 'x');
  for (int i = 0; i < 100; ++i)
    ids.push_back(
      run->create_memory(draft(filler + std::to_string(i))).value().id);
  auto among = gateway_of(w.opened).services().session_files;
  CHECK(among->open_files() == 1);
  CHECK(among->memory_bytes() < 2 * 1024 * 1024);
  // Content caches are smaller than this.
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 100; ++i)
      CHECK(run->get_memory(ids[static_cast<std::size_t>(i)])->content
            == filler + std::to_string(i));
  CHECK(run->search_memories({.query = "nothing"}).has_value());
  CHECK(
    run->list_memories({.filter = R"({"memory_type": "fact"})"}).has_value());
  // What is removed is written over.
  auto before = w.node.files->file_size(among->directory() + "/1").value();
  for (int round = 0; round < 3; ++round) {
    run->delete_all_memories().value();
    for (int i = 0; i < 100; ++i)
      run->create_memory(draft(filler + std::to_string(i))).value();
  }
  auto after = w.node.files->file_size(among->directory() + "/1").value();
  CHECK(after <= before + before / 4);
  run.close().value();
  CHECK(eventually([&] { return among->open_files() == 0; }));
  CHECK(w.node.files->list(among->directory())->empty());
  CHECK(among->memory_bytes() == 0);
}

TEST_CASE("memories that are worth it are promoted before the end",
          "[session]") {
  session_world w;
  auto resumable = GENERATE(false, true);
  auto run = w.planner.open_session({.resumable = resumable}).value();
  auto kept = run->create_memory(draft("to be kept")).value();
  auto shared = run->create_memory(draft("for the team")).value();
  run->create_memory(draft("scratch")).value();
  auto moved = run.promote({kept.id}).value();
  REQUIRE(moved.size() == 1);
  CHECK(moved.front().where == w.planner.bound_to());
  CHECK(run->get_memory(kept.id).error().code == errc::not_found);
  run.promote({shared.id}, "team_eng").value();
  auto nothing = run.promote({kept.id}).error();
  CHECK(nothing.code == errc::not_found);
  CHECK(contents_of(*run.operator->()) == std::vector<std::string>{"scratch"});
  run.close().value();
  CHECK(contents_of(w.planner) == std::vector<std::string>{"to be kept"});
  CHECK(contents_of(w.acme.client("team_eng").value())
        == std::vector<std::string>{"for the team"});
  CHECK(w.opened.verify_all()->intact);
}

TEST_CASE("promoting needs what sharing does, and removes only with `delete`",
          "[session]") {
  session_world w;
  auto run = w.planner.open_session().value();
  auto id = run->create_memory(draft("to be kept")).value().id;
  auto key
    = w.acme
        .create_key({.root = "agent_planner",
                     .permissions = permissions::read | permissions::write
                                    | permissions::share})
        .value();
  auto inside = w.opened.client(key.api_key, run.scope().path()).value();
  CHECK(inside.promote_memories({id})->size() == 1);
  CHECK(run->get_memory(id).has_value());
  CHECK(inside.promote_memories({id}, "team_eng").error().code
        == errc::forbidden);
  CHECK(inside.promote_memories({}).error().code == errc::invalid_argument);
  CHECK(w.acme.client("")->promote_memories({id}).error().code
        == errc::invalid_argument);
}

TEST_CASE("a client follows the name of a session to the next one",
          "[session]") {
  session_world w;
  auto bound = w.acme.client("session_42").value();
  bound.create_memory(draft("x")).value();
  bound.end_session().value();
  bound.reinstate_scope().value();
  CHECK(w.acme.client("session_42")->create_memory(draft("y")).has_value());
  CHECK(bound.list_memories()->results.size() == 1);
}

TEST_CASE("open sessions are listed, and nobody's siblings", "[session]") {
  session_world w;
  auto other = w.acme.client("agent_other").value();
  auto a = w.planner.open_session().value();
  auto b = w.planner.open_session({.resumable = true}).value();
  auto c = other.open_session().value();
  CHECK(w.planner.list_sessions()->size() == 2);
  CHECK(w.acme.client("")->list_sessions()->size() == 3);
  auto key = w.acme.create_key({.root = "agent_planner"}).value();
  auto own
    = narrow_key(key.api_key, {.scope = std::string{a.scope().path()}}).value();
  CHECK(w.acme.create_key({.root = std::string{a.scope().path()}.substr(9)})
          .error()
          .code
        == errc::invalid_argument);
  auto inside = w.opened.client(own).value();
  CHECK(inside.list_sessions()->size() == 1);
  inside.create_memory(draft("by its own key")).value();
  CHECK(a->list_memories()->results.size() == 1);
  b.close().value();
  CHECK(w.planner.list_sessions()->size() == 1);
}

TEST_CASE("sessions are part of what lies below a scope", "[session]") {
  session_world w;
  auto resumable = GENERATE(false, true);
  auto run = w.planner.open_session({.resumable = resumable}).value();
  run->create_memory(draft("tea")).value();
  w.planner.create_memory(draft("more tea")).value();
  auto all = w.acme.client("").value();
  auto listed = all.list_scopes().value().scopes;
  auto found = std::find_if(
    listed.begin(), listed.end(),
    [&](const scope_summary& each) { return each.name == run.scope(); });
  REQUIRE(found != listed.end());
  CHECK(found->memories == 1);
  auto everything = [&] {
    return all.search_memories({.query = "tea", .reach = visibility::subtree})
      ->results.size();
  };
  CHECK(everything() == 2);
  CHECK(all.list_memories({.reach = visibility::subtree})->results.size() == 2);
  CHECK(run->search_memories({.query = "tea", .reach = visibility::inherited})
          ->results.size()
        == 2);
  run.close().value();
  CHECK(everything() == 1);
  CHECK(all.list_scopes()->scopes.size() == listed.size() - 1);
}

TEST_CASE("a name bound to a session opens it by the first write",
          "[session]") {
  session_world w;
  auto bound = w.acme.client("session_42").value();
  CHECK(w.acme.client("")->list_sessions()->empty());
  bound.create_memory(draft("opened")).value();
  auto listed = w.acme.client("")->list_sessions().value();
  REQUIRE(listed.size() == 1);
  CHECK(listed.front().resumable);
  CHECK_FALSE(listed.front().expires_at);
  bound.delete_all_memories().value();
  CHECK(w.acme.client("")->list_sessions()->size() == 1);
  bound.end_session().value();
  CHECK(bound.create_memory(draft("again")).error().code == errc::erased);
  CHECK(bound.list_memories().error().code == errc::erased);
  CHECK(w.acme.client("")->list_sessions()->empty());
}

TEST_CASE("sessions are refused where there can be none", "[session]") {
  session_world w;
  auto run = w.planner.open_session().value();
  CHECK(run->open_session().error().code == errc::invalid_argument);
  CHECK(w.planner.open_session({.idle_timeout = 1ms}).error().code
        == errc::invalid_argument);
  CHECK(w.planner.end_session().error().code == errc::invalid_argument);
  auto reading
    = w.acme
        .create_key({.root = "agent_planner", .permissions = permissions::read})
        .value();
  auto reader = w.opened.client(reading.api_key).value();
  CHECK(reader.open_session().error().code == errc::forbidden);
  CHECK(reader.end_session(run.scope().name()).error().code == errc::forbidden);
  CHECK(reader.renew_session(run.scope().name()).error().code
        == errc::forbidden);
  CHECK(reader.list_sessions()->size() == 1);
  auto foreign = w.acme.create_key({.root = "agent_other"}).value();
  auto stranger = w.opened.client(foreign.api_key).value();
  CHECK(stranger.end_session(std::string{run.scope().path()}).error().code
        == errc::forbidden);
  CHECK(run->create_memory(draft("still open")).has_value());
}

TEST_CASE("the key of a session ends with it", "[session]") {
  session_world w;
  auto resumable = GENERATE(false, true);
  auto key
    = w.acme
        .create_key({.root = "agent_planner", .permissions = permissions::all})
        .value();
  auto planner = w.opened.client(key.api_key).value();
  auto run = planner.open_session({.resumable = resumable}).value();
  auto own = narrow_key(key.api_key,
                        {.scope = std::string{run.scope().path()},
                         .permissions = permissions::read | permissions::write})
               .value();
  auto inside = w.opened.client(own).value();
  CHECK(inside.bound_to() == run.scope());
  CHECK(inside.create_memory(draft("scratch")).has_value());
  CHECK(inside.list_sessions()->size() == 1);
  CHECK(inside.end_session().error().code == errc::forbidden);
  run.close().value();
  for (const auto& each : {inside, w.opened.client(own).value()}) {
    CHECK(each.list_memories().error().code == errc::erased);
    CHECK(each.list_memories().error().detail.find("closed")
          != std::string::npos);
    CHECK(each.create_memory(draft("x")).error().code == errc::erased);
  }
  // A name of one's own can be used again; by new keys. Keys are narrowed by
  // the calendar of whoever does it.
  w.node.time->advance(24h * 3650);
  auto named = w.acme.client("agent_planner/session_mine").value();
  named.create_memory(draft("first")).value();
  auto former = narrow_key(key.api_key, {.scope = "session_mine"}).value();
  auto before = w.opened.client(former).value();
  CHECK(before.list_memories()->results.size() == 1);
  named.end_session().value();
  CHECK(before.list_memories().error().code == errc::erased);
  named.reinstate_scope().value();
  CHECK(named.create_memory(draft("second")).has_value());
  CHECK(before.list_memories().error().code == errc::unauthenticated);
  CHECK(w.opened.client(former).error().code == errc::unauthenticated);
}

TEST_CASE("no more sessions are open than an organization may have",
          "[session]") {
  engine::session_table table{system_clock()};
  auto acme = scope::parse("org_acme").value();
  std::vector<std::uint64_t> places;
  for (int i = 0; i < 3; ++i)
    places.push_back(table.reserve(acme, 3, 10).value());
  CHECK(table.reserve(acme, 3, 10).error().code == errc::quota_exceeded);
  CHECK(table.reserve(scope::parse("org_other").value(), 3, 10).value() == 3);
  table.release(acme, places[1]);
  CHECK(table.reserve(acme, 3, 10).value() == places[1]);
}
