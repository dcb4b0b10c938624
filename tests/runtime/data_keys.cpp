// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <thread>

#include <catch2/catch.hpp>

#include "engine/overdue.hpp"
#include "engine/stored_records.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

/// A scope's keys as the file has them.
struct slot_keys {
  std::uint32_t epoch = 0;
  bool has_former = false;
};

persistence::identity_ptr identity_of(const runtime& in,
                                      const std::string& path) {
  const auto& with = gateway_of(in).services();
  return with.catalog.find(scope::parse(path).value())->exact;
}

slot_keys keys_in_slot(const runtime& in, const std::string& path) {
  auto identity = identity_of(in, path);
  const auto& parts = runtime_access::parts(in);
  auto slot = parts.store.slots->read(identity->slot).value();
  auto keys = persistence::unwrapped_slot(
    identity->parent ? identity->parent->keys.wrapping
                     : *parts.store.node->master->newest().first,
    slot);
  auto data = keys->data->now();
  return {data->epoch, data->previous.has_value()};
}

using sealed_records = std::map<bytes, bytes>;

/// What the disk has of a scope's memories and old revisions.
sealed_records records_of(const runtime& in, const std::string& path) {
  sealed_records out;
  auto identity = identity_of(in, path);
  for (auto kind :
       {persistence::record_kind::memory, persistence::record_kind::revision})
    static_cast<void>(gateway_of(in).services().records.scan(
      identity->space().range(kind), {}, [&](bytes_view key, bytes_view value) {
        out.emplace(key, value);
        return true;
      }));
  return out;
}

/// How many of them the scope's keys still open.
std::size_t opened_of(const runtime& in, const std::string& path,
                      const sealed_records& records) {
  auto identity = identity_of(in, path);
  std::size_t out = 0;
  for (const auto& [key, sealed] : records)
    out += engine::open_record(*identity, key, sealed) ? 1 : 0;
  return out;
}

constexpr const char* sarah_path = "org_acme/user_sarah";

struct used_scope {
  test_node node;
  std::optional<runtime> opened;
  std::vector<memory_id> ids;

  used_scope() {
    node.options.purge_within = 1h;
    opened = node.open_or_fail();
    for (int i = 0; i < 70; ++i) {
      auto wanted = draft("memory " + std::to_string(i));
      if (i == 3)
        wanted.idempotency_key = "once";
      ids.push_back(sarah().create_memory(wanted)->id);
    }
    memory_patch patch;
    patch.content = "memory 5 again";
    sarah().update_memory(ids[5], patch).value();
    patch.content = "memory 5 once more";
    sarah().update_memory(ids[5], patch).value();
  }

  client sarah() {
    return opened->organization("org_acme")->client("user_sarah").value();
  }

  void open_again() {
    cloister::test::open_again(node, opened);
  }

  bool is_whole() {
    INFO(damages_of(*opened));
    auto report = opened->verify_all().value();
    CHECK(report.reason == "");
    return report.intact
           && eventually([&] { return damages_of(*opened).empty(); });
  }

  bool is_rekeyed(std::uint32_t epoch) {
    return eventually([&] {
      opened->sweep();
      auto keys = keys_in_slot(*opened, sarah_path);
      return keys.epoch >= epoch && !keys.has_former;
    });
  }
};

} // namespace

TEST_CASE("what was removed ends with the data key, within a time",
          "[runtime][rekey]") {
  used_scope all;
  auto before = records_of(*all.opened, sarah_path);
  CHECK(before.size() == 72);
  CHECK(all.sarah().delete_memory(all.ids[7]).has_value());
  all.node.time->advance(59min);
  all.opened->sweep();
  CHECK(all.sarah().list_memories({.limit = 100})->results.size() == 69);
  CHECK(keys_in_slot(*all.opened, sarah_path).epoch == 1);
  CHECK(opened_of(*all.opened, sarah_path, before) == 72);
  SECTION("while it is awake") {}
  SECTION("after a restart, where it sleeps") {
    all.open_again();
  }
  auto overdue = [&] {
    return engine::count_overdue(gateway_of(*all.opened).services(),
                                 all.node.time->now())
      ->purges;
  };
  CHECK(overdue() == 0);
  all.node.time->advance(2min);
  CHECK(overdue() == 1);
  CHECK(all.is_rekeyed(2));
  CHECK(eventually([&] { return overdue() == 0; }));
  CHECK(eventually(
    [&] { return opened_of(*all.opened, sarah_path, before) == 0; }));
  // Nothing else is lost, now and after a restart.
  for (int starts = 0; starts < 2; ++starts) {
    CHECK(all.sarah().list_memories({.limit = 100})->results.size() == 69);
    CHECK(all.sarah().get_memory(all.ids[5])->content == "memory 5 once more");
    auto history = all.sarah().memory_history(all.ids[5]).value();
    REQUIRE(history.size() == 3);
    CHECK(history.back().content == "memory 5");
    auto wanted = draft("memory 3");
    wanted.idempotency_key = "once";
    CHECK(all.sarah().create_memory(wanted)->id == all.ids[3]);
    CHECK(all.sarah().search_memories({.query = "once more"})->results.size()
          > 0);
    CHECK(all.is_whole());
    all.open_again();
  }
  CHECK(all.sarah().list_audit({.operation = "scope.rekey"})->results.size()
        >= 4);
  // Once: nothing was removed since.
  all.node.time->advance(3h);
  all.opened->sweep();
  CHECK(all.is_rekeyed(2));
  CHECK(keys_in_slot(*all.opened, sarah_path).epoch == 2);
}

TEST_CASE("deleting everything destroys the data key before the answer",
          "[runtime][rekey]") {
  used_scope all;
  auto before = records_of(*all.opened, sarah_path);
  CHECK(all.sarah().delete_all_memories().value() == 70);
  auto keys = keys_in_slot(*all.opened, sarah_path);
  CHECK(keys.epoch == 2);
  CHECK_FALSE(keys.has_former);
  CHECK(opened_of(*all.opened, sarah_path, before) == 0);
  all.sarah().create_memory(draft("new")).value();
  for (int starts = 0; starts < 2; ++starts) {
    CHECK(all.sarah().list_memories()->results.size() == 1);
    CHECK(all.is_whole());
    all.open_again();
  }
  CHECK(all.sarah().delete_all_memories().value() == 1);
  CHECK(all.sarah().delete_all_memories().value() == 0);
  CHECK(all.is_whole());
}

TEST_CASE("an organization's own memories have another data key, too",
          "[runtime][rekey]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  acme.client()->create_memory(draft("x")).value();
  CHECK(acme.client()->delete_all_memories().value() == 1);
  CHECK(keys_in_slot(opened, "org_acme").epoch == 2);
  acme.client()->create_memory(draft("y")).value();
  CHECK(acme.client()->list_memories()->results.size() == 1);
  CHECK(damages_of(opened) == "");
}

TEST_CASE("a scope is used while its data key is replaced",
          "[runtime][rekey]") {
  used_scope all;
  auto before = records_of(*all.opened, sarah_path);
  std::atomic<bool> ended{false};
  std::vector<std::set<std::string>> kept(3);
  std::vector<std::thread> users;
  for (std::size_t i = 0; i < kept.size(); ++i)
    users.emplace_back([&, i] {
      auto bound = all.sarah();
      std::vector<memory_id> own;
      for (int n = 0; !ended; ++n) {
        auto text = std::to_string(i) + " wrote " + std::to_string(n);
        auto wanted = draft(text);
        wanted.idempotency_key = text;
        auto made = bound.create_memory(wanted);
        if (!made)
          continue;
        own.push_back(made->id);
        kept[i].insert(text);
        memory_patch patch;
        patch.content = text + " again";
        if (n % 3 == 0 && bound.update_memory(made->id, patch)) {
          kept[i].erase(text);
          kept[i].insert(*patch.content);
        } else if (n % 5 == 1 && bound.delete_memory(made->id)) {
          kept[i].erase(text);
        }
      }
    });
  // Settings and deletions wait for what is in flight, and hold others up.
  users.emplace_back([&] {
    auto bound = all.sarah();
    quota_changes changes;
    for (std::uint64_t n = 0; !ended; ++n) {
      changes.memories_max = std::optional<std::uint64_t>{1'000'000 + n};
      static_cast<void>(bound.configure_scope(changes));
    }
  });
  for (std::uint32_t round = 0; round < (long_mode() ? 50 : 3); ++round) {
    auto now = keys_in_slot(*all.opened, sarah_path).epoch;
    static_cast<void>(all.sarah().delete_memory(all.ids[round]));
    all.node.time->advance(2h);
    CHECK(all.is_rekeyed(now + 1));
  }
  ended = true;
  for (auto& each : users)
    each.join();
  CHECK(eventually(
    [&] { return opened_of(*all.opened, sarah_path, before) == 0; }));
  for (int starts = 0; starts < 2; ++starts) {
    std::set<std::string> found;
    std::optional<std::string> cursor;
    do {
      auto page
        = all.sarah().list_memories({.limit = 1000, .cursor = cursor}).value();
      for (const auto& each : page.results)
        found.insert(each.memory.content);
      cursor = page.cursor;
    } while (cursor);
    for (const auto& own : kept)
      for (const auto& text : own)
        CHECK(found.contains(text));
    CHECK(all.is_whole());
    all.open_again();
  }
}

TEST_CASE(
  "a small scope loses nothing where others stand in the way of its key",
  "[runtime][rekey]") {
  for (int round = 0; round < (long_mode() ? 300 : 20); ++round) {
    test_node node;
    node.options.purge_within = 1h;
    auto opened = node.open_or_fail();
    auto sarah = opened.organization("org_acme")->client("user_sarah").value();
    for (int i = 0; i < 10; ++i)
      sarah.create_memory(draft("memory")).value();
    auto gone = sarah.create_memory(draft("gone"))->id;
    CHECK(sarah.delete_memory(gone).has_value());
    node.time->advance(2h);
    std::atomic<bool> ended{false};
    std::thread settings{[&] {
      quota_changes changes;
      for (std::uint64_t n = 0; !ended; ++n) {
        changes.memories_max = std::optional<std::uint64_t>{1'000'000 + n};
        static_cast<void>(sarah.configure_scope(changes));
      }
    }};
    CHECK(eventually([&] {
      opened.sweep();
      auto keys = keys_in_slot(opened, sarah_path);
      return keys.epoch >= 2 && !keys.has_former;
    }));
    ended = true;
    settings.join();
    CHECK(sarah.list_memories()->results.size() == 10);
    CHECK(eventually([&] { return damages_of(opened).empty(); }));
  }
}

TEST_CASE("deleting everything beside writers loses nothing that came later",
          "[runtime][rekey]") {
  used_scope all;
  for (int round = 0; round < (long_mode() ? 100 : 8); ++round) {
    std::vector<std::thread> writers;
    std::atomic<int> made{0};
    for (int i = 0; i < 3; ++i)
      writers.emplace_back([&] {
        auto bound = all.sarah();
        for (int n = 0; n < 20; ++n)
          made += bound.create_memory(draft("x")) ? 1 : 0;
      });
    CHECK(all.sarah().delete_all_memories().has_value());
    for (auto& each : writers)
      each.join();
    CHECK(made == 60);
    auto left = all.sarah().list_memories({.limit = 1000})->results.size();
    all.open_again();
    CHECK(all.sarah().list_memories({.limit = 1000})->results.size() == left);
    CHECK(all.is_whole());
  }
}

TEST_CASE("a data key that is replaced while the disk fails loses nothing",
          "[runtime][rekey][faults]") {
  auto what = GENERATE(fault::fail, fault::tear, fault::power_loss);
  auto clears = GENERATE(false, true);
  bool happened = true;
  std::uint64_t call = 1;
  for (; happened && call < 400; call += long_mode() ? 1 : 11) {
    INFO("call " << call << (clears ? " of clearing" : " of moving"));
    used_scope all;
    CHECK(all.sarah().delete_memory(all.ids[7]).has_value());
    all.node.time->advance(2h);
    all.node.files->plan(call, what);
    auto done = result<std::uint64_t>{0};
    if (clears)
      done = all.sarah().delete_all_memories();
    else
      static_cast<void>(eventually([&] {
        all.opened->sweep();
        if (all.node.files->fault_happened())
          return true;
        auto data = identity_of(*all.opened, sarah_path)->keys.data->now();
        return data->epoch == 2 && !data->previous;
      }));
    happened = all.node.files->fault_happened();
    auto files = what == fault::power_loss ? all.node.files->after_power_loss()
                                           : all.node.files->after_kill();
    all.opened.reset();
    test_node later{all.node, files};
    auto opened = later.open();
    REQUIRE(opened.has_value());
    auto sarah = opened->organization("org_acme")->client("user_sarah").value();
    auto listed = sarah.list_memories({.limit = 100});
    REQUIRE(listed.has_value());
    if (clears && done)
      CHECK(listed->results.empty());
    else
      CHECK(
        (listed->results.size() == 69 || (clears && listed->results.empty())));
    sarah.create_memory(draft("later")).value();
    // Nothing is looked at in one moment: what is being moved may look odd.
    CHECK(eventually([&] { return damages_of(*opened).empty(); }));
    CHECK(opened->verify_all()->reason == "");
    // What was not finished is, some time.
    CHECK(eventually([&] {
      opened->sweep();
      auto keys = keys_in_slot(*opened, sarah_path);
      return keys.epoch >= 2 && !keys.has_former;
    }));
    // Nothing is looked at in one moment: what is being moved may look odd.
    CHECK(eventually([&] { return damages_of(*opened).empty(); }));
    CHECK(sarah.list_memories({.limit = 100})->results.size()
          == listed->results.size() + 1);
  }
}
