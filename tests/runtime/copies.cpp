// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Copies of what is erased: counted, or followed wherever they went.

#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

constexpr erase_options with_copies{.with_shared_copies = true};

/// Users of two teams, who share with each other.
struct sharing_world {
  test_node node;
  std::optional<runtime> opened = node.open_or_fail();

  client of(const std::string& name) const {
    return opened->organization("org_acme")->client(name).value();
  }

  memory put(const std::string& where, const std::string& content) const {
    return of(where).create_memory(draft(content)).value();
  }

  memory share(const std::string& from, const memory& what,
               const std::string& to) const {
    return of(from).share_memory(what.id, "org_acme/" + to)->memory;
  }

  std::set<std::string> contents_of(const std::string& where) const {
    std::set<std::string> out;
    for (const auto& hit :
         of(where).list_memories({.limit = 1000}).value().results)
      out.insert(hit.memory.content);
    return out;
  }

  std::vector<std::string> trail_of(const std::string& where,
                                    const std::string& operation) const {
    std::vector<std::string> out;
    audit_options wanted;
    wanted.operation = operation;
    for (const auto& line : of(where).list_audit(wanted).value().results)
      out.push_back(line.outcome + " " + std::to_string(line.count));
    return out;
  }

  bool is_whole() const {
    auto report = opened->verify_all().value();
    CHECK(report.reason == "");
    return report.intact
           && eventually([&] { return damages_of(*opened).empty(); });
  }
};

using contents = std::set<std::string>;

} // namespace

TEST_CASE("copies stay where they were shared to, and the receipt counts them",
          "[runtime][copies]") {
  sharing_world all;
  auto secret = all.put("team_a/user_sarah", "sarah's");
  all.put("team_b/user_bob", "bob's");
  auto copy = all.share("team_a/user_sarah", secret, "team_b/user_bob");
  all.share("team_b/user_bob", copy, "team_b/user_carol");
  // A copy within what is erased is none that is left.
  all.share("team_a/user_sarah", secret, "team_a/user_sarah/agent_a");
  auto receipt = all.of("team_a/user_sarah").erase_scope().value();
  CHECK(receipt.copies == 2);
  CHECK(receipt.copies_erased == std::nullopt);
  CHECK(receipt.memories == 2);
  CHECK(all.contents_of("team_b/user_bob") == contents{"bob's", "sarah's"});
  CHECK(all.contents_of("team_b/user_carol") == contents{"sarah's"});
  CHECK(all.trail_of("team_b/user_bob", "memory.count-copies")
        == std::vector<std::string>{"ok 1"});
  CHECK(verify_receipt(receipt, all.opened->receipt_key()).has_value());
  receipt.copies = 1;
  CHECK(verify_receipt(receipt, all.opened->receipt_key()).has_error());
  CHECK(all.is_whole());
}

TEST_CASE("copies are erased with their source wherever they went",
          "[runtime][copies]") {
  sharing_world all;
  auto secret = all.put("team_a/user_sarah", "sarah's");
  auto agents = all.put("team_a/user_sarah/agent_a", "her agent's");
  auto bobs = all.put("team_b/user_bob", "bob's");
  auto copy = all.share("team_a/user_sarah", secret, "team_b/user_bob");
  // On from there, down from there, and up from there.
  auto second = all.share("team_b/user_bob", copy, "team_c/user_carol");
  all.share("team_c/user_carol", second, "team_c/user_carol/agent_c");
  all.share("team_c/user_carol", second, "team_c");
  all.share("team_a/user_sarah/agent_a", agents, "team_a");
  all.share("team_b/user_bob", bobs, "team_c/user_carol");
  // A copy that was changed since is one.
  memory_patch patch;
  patch.content = "sarah's, as bob tells it";
  all.of("team_b/user_bob").update_memory(copy.id, patch).value();
  SECTION("at once") {}
  SECTION("after a restart") {
    open_again(all.node, all.opened);
  }
  auto receipt = all.of("team_a/user_sarah").erase_scope(with_copies).value();
  CHECK(receipt.copies == 0);
  CHECK(receipt.copies_erased == 5);
  CHECK(all.of("team_a/user_sarah").list_memories().error().code
        == errc::erased);
  for (int starts = 0; starts < 2; ++starts) {
    CHECK(all.contents_of("team_b/user_bob") == contents{"bob's"});
    CHECK(all.contents_of("team_c/user_carol") == contents{"bob's"});
    CHECK(all.contents_of("team_c/user_carol/agent_c").empty());
    CHECK(all.contents_of("team_c").empty());
    CHECK(all.contents_of("team_a").empty());
    CHECK(all.of("team_b/user_bob").memory_history(copy.id).error().code
          == errc::not_found);
    CHECK(all.is_whole());
    open_again(all.node, all.opened);
  }
  // Of each scope the trail tells that it lost something, and how much.
  CHECK(all.trail_of("team_b/user_bob", "memory.erase-copies").back()
        == "ok 1");
}

TEST_CASE("copies go through sessions and are found there",
          "[runtime][copies][session]") {
  sharing_world all;
  auto secret = all.put("user_sarah", "sarah's");
  auto resumable = GENERATE(false, true);
  auto run = all.of("user_bob").open_session({.resumable = resumable}).value();
  auto session = std::string{run.info().scope.path()};
  auto path = session.substr(session.find('/') + 1);
  auto copy = all.share("user_sarah", secret, path);
  SECTION("an open session loses its copies") {
    run->create_memory(draft("its own")).value();
    auto receipt = all.of("user_sarah").erase_scope(with_copies).value();
    CHECK(receipt.copies_erased == 1);
    CHECK(run->list_memories()->results.size() == 1);
  }
  SECTION("what was promoted from one that has ended is found") {
    run->promote_memories({copy.id}).value();
    CHECK(all.contents_of("user_bob") == contents{"sarah's"});
    run.close().value();
    auto receipt = all.of("user_sarah").erase_scope(with_copies).value();
    CHECK(receipt.copies_erased == 1);
    CHECK(all.contents_of("user_bob").empty());
  }
  SECTION("what came from a session below is found without it") {
    auto own = run->create_memory(draft("the session's")).value();
    all.share(path, own, "user_carol");
    run.close().value();
    auto receipt = all.of("user_bob").erase_scope(with_copies).value();
    CHECK(receipt.copies_erased == 1);
    CHECK(all.contents_of("user_carol").empty());
    CHECK(all.contents_of("user_sarah") == contents{"sarah's"});
  }
  CHECK(all.is_whole());
}

TEST_CASE("a resumable session that is erased takes its copies along",
          "[runtime][copies][session]") {
  sharing_world all;
  all.put("user_bob", "bob's");
  auto run = all.of("user_bob").open_session({.resumable = true}).value();
  auto own = run->create_memory(draft("the session's")).value();
  run->promote_memories({own.id}).value();
  auto more = run->create_memory(draft("more of it")).value();
  run->share_memory(more.id, "org_acme/user_bob/agent_a").value();
  CHECK(run->erase_scope(with_copies)->copies_erased == 2);
  CHECK(all.contents_of("user_bob") == contents{"bob's"});
  CHECK(all.contents_of("user_bob/agent_a").empty());
}

TEST_CASE("what a session gave to the scope above stays, whoever asks to erase "
          "the session that has ended",
          "[runtime][copies][session]") {
  sharing_world all;
  auto run = all.of("user_bob").open_session().value();
  auto own = run->create_memory(draft("worth keeping")).value();
  run.promote({own.id}).value();
  auto again = all.of("user_bob/" + std::string{run.info().scope.name()});
  CHECK(again.erase_scope(with_copies).error().code == errc::invalid_argument);
  CHECK(all.contents_of("user_bob") == contents{"worth keeping"});
  run->create_memory(draft("its own")).value();
  auto receipt = again.erase_scope().value();
  CHECK(receipt.memories >= 1);
  CHECK(all.of("user_bob").find_receipt(run.info().scope.name()).value()
        == receipt);
  CHECK(again.erase_scope(with_copies).error().code == errc::erased);
  CHECK(all.contents_of("user_bob") == contents{"worth keeping"});
}

TEST_CASE("more sources than a session remembers are all of them looked for",
          "[runtime][copies][session]") {
  sharing_world all;
  auto run = all.of("user_bob").open_session().value();
  auto path = "user_bob/" + std::string{run.info().scope.name()};
  auto count = limits::session_sources_max + 3;
  for (std::size_t i = 0; i < count; ++i) {
    auto name = "user_" + std::to_string(i);
    all.share(name, all.put(name, name), path);
  }
  for (auto i : {std::size_t{0}, count - 1})
    CHECK(all.of("user_" + std::to_string(i))
            .erase_scope(with_copies)
            ->copies_erased
          == 1);
  CHECK(run->list_memories({.limit = 1000})->results.size() == count - 2);
}

TEST_CASE("copies stay where the key may not delete, and are counted",
          "[runtime][copies]") {
  sharing_world all;
  auto secret = all.put("team_a/user_sarah", "sarah's");
  all.share("team_a/user_sarah", secret, "team_b/user_bob");
  all.share("team_a/user_sarah", secret, "team_a/user_carol");
  auto key
    = all.opened->organization("org_acme")
        ->create_key({.root = "team_a",
                      .permissions = permissions::admin | permissions::remove})
        .value();
  auto admin = all.opened->client(key, "user_sarah").value();
  auto receipt = admin.erase_scope(with_copies).value();
  CHECK(receipt.copies == 1);
  CHECK(receipt.copies_erased == 1);
  CHECK(all.contents_of("team_b/user_bob") == contents{"sarah's"});
  CHECK(all.contents_of("team_a/user_carol").empty());
  // The refusal is in the trail.
  CHECK(all.trail_of("", "memory.erase-copies")
        == std::vector<std::string>{"forbidden 0"});
}

TEST_CASE("a memory is not passed on for ever", "[runtime][copies]") {
  sharing_world all;
  auto at = all.put("user_0", "passed on");
  std::size_t hops = 0;
  result<located_memory> done{error{}};
  for (;; ++hops) {
    auto from = "user_" + std::to_string(hops);
    auto to = "user_" + std::to_string(hops + 1);
    done = all.of(from).share_memory(at.id, "org_acme/" + to);
    if (!done)
      break;
    at = done->memory;
  }
  CHECK(done.error().code == errc::invalid_argument);
  // The organization is among them, too.
  CHECK(hops == limits::origin_scopes_max - 1);
  CHECK(all.of("user_0").erase_scope(with_copies)->copies_erased == hops);
  CHECK(all.is_whole());
}

TEST_CASE("notes of copies go with the scope that they are of",
          "[runtime][copies]") {
  sharing_world all;
  auto notes = [&] {
    int out = 0;
    static_cast<void>(gateway_of(*all.opened)
                        .services()
                        .records.scan({}, {}, [&](bytes_view key, bytes_view) {
                          out += key[persistence::key_prefix_bytes]
                                     == static_cast<char>(
                                       persistence::record_kind::copies)
                                   ? 1
                                   : 0;
                          return true;
                        }));
    return out;
  };
  auto secret = all.put("user_sarah/agent_a", "sarah's");
  auto copy = all.share("user_sarah/agent_a", secret, "user_bob");
  // Of the agent, of who is above, and of the organization; once each.
  CHECK(notes() == 3);
  all.share("user_sarah/agent_a", secret, "user_bob");
  CHECK(notes() == 3);
  // Sessions come and go, and leave none behind.
  for (auto resumable : {false, true}) {
    auto run
      = all.of("user_bob").open_session({.resumable = resumable}).value();
    all.share("user_sarah/agent_a", secret,
              "user_bob/" + std::string{run.info().scope.name()});
    CHECK(notes() == 3);
  }
  all.share("user_bob", copy, "user_carol");
  CHECK(notes() == 3 + 4);
  CHECK(all.of("user_sarah").erase_scope()->copies == 3);
  CHECK(eventually([&] { return has_finished_erasures(*all.opened); }));
  CHECK(notes() == 3);
}

TEST_CASE("what is passed round while its source is erased goes all the same",
          "[runtime][copies]") {
  sharing_world all;
  for (int round = 0; round < (long_mode() ? 200 : 6); ++round) {
    auto source = "user_source-" + std::to_string(round);
    auto secret = all.put(source, "secret");
    all.put(source, "and more");
    std::atomic<bool> ended{false};
    std::atomic<int> odd{0};
    std::vector<std::thread> users;
    for (unsigned i = 0; i < 4; ++i)
      users.emplace_back([&, i] {
        std::mt19937_64 random{seed() + i};
        auto name = [&] {
          return "user_" + std::to_string(round) + "-"
                 + std::to_string(random() % 3);
        };
        while (!ended) {
          auto from = random() % 2 == 0 ? source : name();
          auto bound = all.of(from);
          auto listed = bound.list_memories();
          if (!listed || listed->results.empty())
            continue;
          const auto& one
            = listed->results[random() % listed->results.size()].memory;
          auto done = bound.share_memory(one.id, "org_acme/" + name());
          auto code = done ? errc::ok : done.error().code;
          odd += code == errc::ok || code == errc::erased
                     || code == errc::not_found || code == errc::unavailable
                     || code == errc::invalid_argument
                   ? 0
                   : 1;
        }
      });
    auto bound = all.of(source);
    CHECK(eventually([&] {
      return !all.contents_of("user_" + std::to_string(round) + "-0").empty();
    }));
    auto receipt = bound.erase_scope(with_copies);
    // From its answer on, and not a moment later.
    for (int i = 0; i < 3; ++i)
      CHECK(all
              .contents_of("user_" + std::to_string(round) + "-"
                           + std::to_string(i))
              .empty());
    ended = true;
    for (auto& each : users)
      each.join();
    REQUIRE(receipt.has_value());
    CHECK(receipt->copies == 0);
    CHECK(odd == 0);
    for (int i = 0; i < 3; ++i)
      CHECK(all
              .contents_of("user_" + std::to_string(round) + "-"
                           + std::to_string(i))
              .empty());
  }
  CHECK(all.is_whole());
}

TEST_CASE("an erasure with copies has not begun or comes to its end, whatever "
          "fails",
          "[runtime][copies][faults]") {
  auto what = GENERATE(fault::fail, fault::tear, fault::power_loss);
  bool happened = true;
  int outcomes = 0;
  for (std::uint64_t call = 1; happened && call < 200;
       call += long_mode() ? 1 : 3) {
    INFO("call " << call);
    sharing_world all;
    auto secret = all.put("user_sarah", "sarah's");
    auto copy = all.share("user_sarah", secret, "user_bob");
    all.share("user_bob", copy, "user_carol");
    all.share("user_sarah", secret, "user_carol");
    all.put("user_carol", "carol's");
    auto run = all.of("user_bob").open_session({.resumable = true}).value();
    auto session = "user_bob/" + std::string{run.info().scope.name()};
    all.share("user_sarah", secret, session);
    run.detach();
    all.node.files->plan(call, what);
    auto done = all.of("user_sarah").erase_scope(with_copies);
    happened = all.node.files->fault_happened();
    auto files = what == fault::power_loss ? all.node.files->after_power_loss()
                                           : all.node.files->after_kill();
    all.opened.reset();
    test_node later{all.node, files};
    auto opened = later.open_or_fail();
    REQUIRE(eventually([&] { return has_finished_erasures(opened); }));
    auto acme = opened.organization("org_acme").value();
    auto has = [&](const std::string& name) {
      return acme.client(name)->list_memories()->results.size();
    };
    auto is_gone = acme.client("user_sarah")->list_memories().has_error();
    CHECK((is_gone || done.has_error()));
    outcomes += is_gone ? (done ? 1 : 100) : 10'000;
    CHECK(has("user_bob") == (is_gone ? 0 : 1));
    CHECK(has("user_carol") == (is_gone ? 1 : 3));
    CHECK(has(session) == (is_gone ? 0 : 1));
    if (!is_gone)
      continue;
    // Whoever did not hear of it asks the trail.
    auto told = acme.client("user_sarah")->find_receipt().value();
    CHECK(told.copies == 0);
    CHECK(told.copies_erased == 4);
  }
  // Some did not begin, and some went on by themselves.
  CHECK(outcomes / 10'000 > 0);
  CHECK(outcomes / 100 % 100 > 0);
}

TEST_CASE("scopes that have copies of each other are erased at the same time",
          "[runtime][copies][faults]") {
  for (std::uint64_t call = 0; call < (long_mode() ? 120 : 40);
       call += long_mode() ? 1 : 3) {
    INFO("call " << call);
    sharing_world all;
    const std::vector<std::string> names{"user_a", "user_b", "user_c"};
    for (const auto& from : names) {
      auto own = all.put(from, from + "'s");
      for (const auto& to : names)
        if (from != to)
          all.share(from, own, to);
    }
    if (call > 0)
      all.node.files->plan(call, fault::power_loss);
    std::vector<std::thread> erasing;
    for (const auto& name : names)
      erasing.emplace_back(
        [&] { static_cast<void>(all.of(name).erase_scope(with_copies)); });
    for (auto& each : erasing)
      each.join();
    auto files = call > 0 ? all.node.files->after_power_loss() : all.node.files;
    all.opened.reset();
    test_node later{all.node, files};
    auto opened = later.open_or_fail();
    REQUIRE(eventually([&] { return has_finished_erasures(opened); }));
    auto acme = opened.organization("org_acme").value();
    std::set<std::string> gone;
    for (const auto& name : names)
      if (acme.client(name)->list_memories().has_error())
        gone.insert(name);
    for (const auto& name : names)
      if (!gone.contains(name))
        for (const auto& found : acme.client(name)->list_memories()->results)
          for (const auto& each : gone)
            CHECK(found.memory.content != each + "'s");
    // Those that came too late, while others were closed.
    for (const auto& name : names)
      if (!gone.contains(name))
        CHECK(acme.client(name)->erase_scope(with_copies).has_value());
    CHECK(opened.verify_all()->intact);
  }
}
