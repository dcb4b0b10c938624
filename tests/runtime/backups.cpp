// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <thread>

#include <catch2/catch.hpp>

#include "runtime/backup_impl.hpp"
#include "runtime/open_parts.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* file = "/elsewhere/monday";
constexpr const char* restored_path = "/restored";

std::vector<crypto::secret_key> keys(crypto::secret_key one) {
  std::vector<crypto::secret_key> out;
  out.push_back(std::move(one));
  return out;
}

/// A store, backups of it, and stores that are made of those.
struct backed_up {
  test_node node;
  std::optional<runtime> opened{node.open_or_fail()};

  organization acme() {
    return opened->organization("org_acme").value();
  }
  void put(const std::string& name, const std::string& content) {
    acme().client(name)->create_memory(draft(content)).value();
  }
  backup_summary back_up() {
    auto made = opened->back_up(file);
    if (made.has_error())
      FAIL(made.error().detail);
    node.time->advance(1ms);
    return *made;
  }

  restore_options options() {
    restore_options out;
    out.file = file;
    out.data_dir = restored_path;
    out.recovery_key = node.recovery_key;
    return out;
  }

  result<restore_report> restore(const restore_options& wanted) {
    auto master
      = [this](const auto&,
               const auto&) -> result<std::vector<crypto::secret_key>> {
      return keys(node.master());
    };
    return restore_over(node.files, wanted, master, node.options);
  }

  result<restore_report> restore_with_list() {
    auto wanted = options();
    wanted.erased = opened->list_erased().value();
    return restore(wanted);
  }

  result<runtime> open_restored() {
    auto parts
      = open_parts_over(node.files, restored_path, node.master(), false);
    if (parts.has_error())
      return parts.error();
    return make_runtime(std::move(*parts), node.options);
  }
};

errc outcome_of(const runtime& in, const std::string& name) {
  auto org = in.existing_organization("org_acme");
  if (org.has_error())
    return org.error().code;
  auto got = org->client(name)->list_memories();
  return got ? errc::ok : got.error().code;
}

std::size_t memories_of(const runtime& in, const std::string& name) {
  auto got
    = in.existing_organization("org_acme")->client(name)->list_memories();
  return got ? got->results.size() : 0;
}

errc writing_to(const runtime& in, const std::string& name) {
  auto made
    = in.organization("org_acme")->client(name)->create_memory(draft("again"));
  return made ? errc::ok : made.error().code;
}

bool is_whole(const runtime& in) {
  INFO(damages_of(in));
  auto report = in.verify_all().value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  CHECK(damages_of(in).empty());
  return report.intact && damages_of(in).empty();
}

} // namespace

TEST_CASE("a backup has the store as it was, and it verifies",
          "[runtime][backup]") {
  backed_up all;
  all.put("user_sarah", "sarah's");
  all.put("user_sarah/agent_a", "agent's");
  auto before = all.opened->make_checkpoint().value();
  auto made = all.back_up();
  all.put("user_sarah", "later");
  CHECK(made.keys == 4);
  auto report = all.restore_with_list().value();
  CHECK(report.backup.records == made.records);
  auto restored = all.open_restored().value();
  CHECK(memories_of(restored, "user_sarah") == 1);
  CHECK(memories_of(restored, "user_sarah/agent_a") == 1);
  CHECK(restored.verify_all(before)->intact);
  CHECK(is_whole(restored));
  CHECK(restored.list_node_audit({.operation = "store.restore"})->results.size()
        == 1);
  CHECK(all.opened->list_node_audit({.operation = "store.backup"})
          ->results.front()
          .reason
        == made.backup + " master key 1");
}

TEST_CASE("what was erased since a backup does not come back with it",
          "[runtime][backup][erasure]") {
  backed_up all;
  for (auto name : {"user_kept", "user_before", "user_after", "user_again",
                    "team_gone/user_inside", "user_parent/agent_gone"})
    all.put(name, "x");
  all.acme().client("user_before")->erase_scope().value();
  all.back_up();
  all.acme().client("user_after")->erase_scope().value();
  all.acme().client("team_gone")->erase_scope().value();
  all.acme().client("user_parent/agent_gone")->erase_scope().value();
  all.acme().client("user_again")->erase_scope().value();
  CHECK(all.acme().client("user_again")->reinstate_scope().has_value());
  // What the backup knows nothing of.
  all.put("user_new", "x");
  all.acme().client("user_new")->erase_scope().value();
  all.put("team_new/user_new", "x");
  all.acme().client("team_new/user_new")->erase_scope().value();
  auto report = all.restore_with_list().value();
  CHECK(report.erased_again == 4);
  for (int starts = 0; starts < 2; ++starts) {
    auto restored = all.open_restored().value();
    CHECK(memories_of(restored, "user_kept") == 1);
    CHECK(memories_of(restored, "user_again") == (starts == 0 ? 0 : 1));
    for (auto name :
         {"user_before", "user_after", "team_gone", "team_gone/user_inside",
          "user_parent/agent_gone", "user_new", "team_new/user_new"}) {
      INFO(name);
      CHECK(writing_to(restored, name) == errc::erased);
      CHECK(outcome_of(restored, name) == errc::erased);
    }
    CHECK(writing_to(restored, "user_again") == errc::ok);
    CHECK(writing_to(restored, "team_new") == errc::ok);
    CHECK(outcome_of(restored, "team_new/user_new") == errc::erased);
    CHECK(is_whole(restored));
    if (starts == 0)
      continue;
    // The list of the restored store has them all, and reinstating works.
    CHECK(restored.list_erased()->entries.size()
          >= all.opened->list_erased()->entries.size());
    auto acme = restored.organization("org_acme").value();
    CHECK(acme.client("team_new/user_new")->reinstate_scope().has_value());
    CHECK(writing_to(restored, "team_new/user_new") == errc::ok);
    CHECK(acme.client("user_after")->reinstate_scope().has_value());
    CHECK(writing_to(restored, "user_after") == errc::ok);
    CHECK(memories_of(restored, "user_after") == 1);
    CHECK(is_whole(restored));
  }
}

TEST_CASE("an organization that was erased since does not come back",
          "[runtime][backup][erasure]") {
  backed_up all;
  all.put("user_sarah", "x");
  auto key = all.acme().create_key({}).value();
  all.back_up();
  all.opened->erase_organization("org_acme", 0ms).value();
  CHECK(all.restore_with_list()->erased_again == 1);
  auto restored = all.open_restored().value();
  CHECK(restored.client(key).error().code == errc::unauthenticated);
  CHECK(restored.create_organization("org_acme").error().code == errc::erased);
  CHECK(is_whole(restored));
}

TEST_CASE(
  "without an erasure list what was erased comes back, and that is told",
  "[runtime][backup][erasure]") {
  backed_up all;
  all.put("user_sarah", "x");
  all.back_up();
  all.acme().client("user_sarah")->erase_scope().value();
  CHECK(all.restore(all.options()).error().code == errc::invalid_argument);
  auto wanted = all.options();
  wanted.without_erasure_list = true;
  CHECK(all.restore(wanted).has_value());
  auto restored = all.open_restored().value();
  CHECK(memories_of(restored, "user_sarah") == 1);
  CHECK(restored.list_node_audit({.operation = "store.restore"})
          ->results.front()
          .reason.find("without an erasure list")
        != std::string::npos);
}

TEST_CASE("sessions end with the store that a backup is of",
          "[runtime][backup][session]") {
  backed_up all;
  all.put("user_sarah", "x");
  auto sarah = all.acme().client("user_sarah").value();
  auto ephemeral = sarah.open_session().value();
  auto resumable = sarah.open_session({.resumable = true}).value();
  for (auto each : {&ephemeral, &resumable})
    each->memories().create_memory(draft("x")).value();
  auto name = std::string{resumable.scope().path()};
  all.back_up();
  auto report = all.restore_with_list().value();
  CHECK(report.sessions_ended == 1);
  auto restored = all.open_restored().value();
  auto acme = restored.organization("org_acme").value();
  CHECK(acme.client("user_sarah")->list_sessions()->empty());
  auto user_id = name.substr(name.find('/') + 1);
  CHECK(acme.client(user_id)->list_memories().error().code == errc::erased);
  CHECK(is_whole(restored));
}

TEST_CASE("a backup opens with its own keys, whole, into an empty directory",
          "[runtime][backup]") {
  backed_up all;
  all.put("user_sarah", "x");
  all.back_up();
  CHECK(all.opened->back_up(file).error().code == errc::conflict);
  auto list = all.opened->list_erased().value();
  auto wanted = all.options();
  wanted.erased = list;
  SECTION("another recovery key") {
    wanted.recovery_key = test_node{}.recovery_key;
    CHECK(all.restore(wanted).error().code == errc::sealed);
    wanted.recovery_key = "cloister_recovery_x";
    CHECK(all.restore(wanted).error().code == errc::invalid_argument);
  }
  SECTION("another master key") {
    auto other = [](const auto&,
                    const auto&) -> result<std::vector<crypto::secret_key>> {
      return keys(crypto::secret_key::random());
    };
    auto done = restore_over(all.node.files, wanted, other, all.node.options);
    CHECK(done.error().code == errc::sealed);
  }
  SECTION("a list of another store, an altered one, an older one") {
    wanted.erased->store = std::string(32, '0');
    CHECK(all.restore(wanted).error().code == errc::invalid_argument);
    wanted.erased = list;
    wanted.erased->entries.push_back(
      {std::string(32, '0'), std::string(32, '1'), 1, true, {}});
    CHECK(all.restore(wanted).error().code == errc::corrupted);
    wanted.erased = list;
    wanted.erased->made_at = {0};
    CHECK(all.restore(wanted).error().code == errc::invalid_argument);
  }
  SECTION("keys of another backup") {
    CHECK(all.opened->back_up("/elsewhere/tuesday").has_value());
    wanted.keys_file = "/elsewhere/tuesday.keys";
    CHECK(all.restore(wanted).error().code == errc::invalid_argument);
    wanted.keys_file = file;
    CHECK(all.restore(wanted).error().code == errc::invalid_argument);
  }
  SECTION("damage") {
    auto path = std::string{file} + (long_mode() ? "" : ".keys");
    for (const auto& damaged : {std::string{file}, path}) {
      auto size = all.node.files->content(damaged).size();
      auto step = long_mode() ? 1 : std::max<std::size_t>(1, size / 40);
      for (std::size_t at = 0; at < size; at += step) {
        all.node.files->flip(damaged, at, 3);
        auto done = all.restore(wanted);
        INFO(damaged << " at " << at);
        CHECK(done.has_error());
        all.node.files->flip(damaged, at, 3);
      }
    }
    all.node.files->truncate(file, all.node.files->content(file).size() - 1);
    CHECK(all.restore(wanted).error().code == errc::corrupted);
    CHECK_FALSE(all.node.files->exists(std::string{restored_path} + "/FORMAT"));
    return;
  }
  CHECK(all.restore_with_list().has_value());
  CHECK(all.restore_with_list().error().code == errc::conflict);
  CHECK(is_whole(all.open_restored().value()));
}

TEST_CASE("a backup that is made while others write is of one moment",
          "[runtime][backup]") {
  backed_up all;
  all.put("user_0", "x");
  std::atomic<bool> ended{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&all, &ended, i] {
      for (int n = 0; !ended; ++n) {
        auto name
          = "user_" + std::to_string(i) + "/agent_" + std::to_string(n % 9);
        auto bound = all.acme().client(name).value();
        static_cast<void>(bound.create_memory(draft("y")));
        if (n % 9 == 8)
          static_cast<void>(bound.erase_scope());
        if (n % 9 == 8)
          static_cast<void>(bound.reinstate_scope());
      }
    });
  for (int round = 0; round < (long_mode() ? 100 : 4); ++round) {
    auto path = std::string{file} + std::to_string(round);
    CHECK(all.opened->back_up(path).has_value());
    all.node.time->advance(1ms);
    auto wanted = all.options();
    wanted.file = path;
    wanted.data_dir += std::to_string(round);
    wanted.erased = all.opened->list_erased().value();
    auto done = all.restore(wanted);
    INFO((done ? "" : done.error().detail));
    CHECK(done.has_value());
  }
  ended = true;
  for (auto& each : writers)
    each.join();
}

TEST_CASE("two backups to one name do not write over each other",
          "[runtime][backup]") {
  backed_up all;
  all.put("user_sarah", "sarah's");
  std::optional<errc> beside;
  auto made = all.opened->back_up(file, [&](const backup_progress&) {
    auto second = all.opened->back_up(file);
    beside = second ? errc::ok : second.error().code;
    return true;
  });
  CHECK(made.has_value());
  CHECK(beside == errc::conflict);
  all.node.time->advance(1ms);
  CHECK(all.restore_with_list().has_value());
}

TEST_CASE("copies that were erased with their source do not come back",
          "[runtime][backup][copies]") {
  backed_up all;
  auto share = [&](const std::string& from, const std::string& to) {
    auto bound = all.acme().client(from).value();
    auto what = bound.list_memories()->results.front().memory.id;
    bound.share_memory(what, "org_acme/" + to).value();
  };
  all.put("user_sarah/agent_a", "her agent's");
  all.put("user_carol", "carol's");
  all.put("user_bob", "bob's");
  share("user_sarah/agent_a", "user_bob");
  share("user_carol", "user_bob");
  all.back_up();
  // The one with its copies, then what it lay in and another one without.
  auto erase = [&](const std::string& name, bool with_copies) {
    erase_options options;
    options.with_shared_copies = with_copies;
    return all.acme().client(name)->erase_scope(options).value();
  };
  CHECK(erase("user_sarah/agent_a", true).copies_erased == 1);
  CHECK(erase("user_sarah", false).copies == 0);
  CHECK(erase("user_carol", false).copies == 1);
  all.node.time->advance(1ms);
  auto list = all.opened->list_erased().value();
  CHECK(parse_erasure_list(to_json_text(list)).value() == list);
  for (auto& each : list.entries)
    each.with_copies = false;
  CHECK(verify_erasure_list(list, all.opened->receipt_key()).error().code
        == errc::corrupted);
  auto report = all.restore_with_list().value();
  CHECK(report.erased_again == 2);
  auto restored = all.open_restored().value();
  CHECK(memories_of(restored, "user_bob") == 2);
  CHECK(outcome_of(restored, "user_sarah") == errc::erased);
  CHECK(is_whole(restored));
  // Neither does the next one bring them back.
  auto again = restored.list_erased().value();
  CHECK(std::count_if(again.entries.begin(), again.entries.end(),
                      [](const auto& each) { return each.with_copies; })
        >= 1);
}

TEST_CASE("what is said of copies is said of one that had the name",
          "[runtime][backup][copies]") {
  backed_up all;
  all.put("user_sarah", "sarah's");
  all.put("user_bob", "bob's");
  auto sarah = [&] { return all.acme().client("user_sarah").value(); };
  auto secret = sarah().list_memories()->results.front().memory.id;
  sarah().share_memory(secret, "org_acme/user_bob").value();
  all.back_up();
  CHECK(sarah().erase_scope()->copies == 1);
  REQUIRE(sarah().reinstate_scope().has_value());
  all.put("user_sarah", "another sarah's");
  CHECK(sarah().erase_scope()->copies == 0);
  all.node.time->advance(1ms);
  CHECK(all.restore_with_list()->erased_again == 1);
  auto restored = all.open_restored().value();
  CHECK(outcome_of(restored, "user_sarah") == errc::erased);
  CHECK(memories_of(restored, "user_bob") == 2);
  CHECK(is_whole(restored));
}

TEST_CASE("a backup that fails or is stopped leaves nothing",
          "[runtime][backup][faults]") {
  backed_up all;
  for (int i = 0; i < 20; ++i)
    all.put("user_" + std::to_string(i), std::string(1000, 'x'));
  auto stopped = all.opened->back_up(file, [](const auto&) { return false; });
  CHECK(stopped.error().code == errc::unavailable);
  CHECK(
    all.opened
      ->list_node_audit({.operation = "store.backup", .outcome = "unavailable"})
      ->results.size()
    == 1);
  auto is_clean = [&] {
    for (const auto& path : all.node.files->paths())
      if (path.starts_with(file))
        return false;
    return true;
  };
  CHECK(is_clean());
  bool happened = true;
  for (std::uint64_t call = 1; happened && call < 100; ++call) {
    all.node.files->plan(call, fault::fail);
    auto made = all.opened->back_up(file);
    happened = all.node.files->fault_happened();
    INFO("call " << call);
    if (made.has_error()) {
      CHECK(is_clean());
    } else {
      CHECK(all.restore_with_list().has_value());
      static_cast<void>(all.node.files->remove(file));
      static_cast<void>(all.node.files->remove(std::string{file} + ".keys"));
      break;
    }
  }
}

TEST_CASE("a backup whose process was killed anywhere is made again, or whole",
          "[runtime][backup][faults]") {
  backed_up all;
  all.put("user_sarah", "x");
  auto start = all.node.files->after_kill();
  bool happened = true;
  for (std::uint64_t call = 1; happened; ++call) {
    INFO("call " << call);
    backed_up one{.node = test_node{all.node, start->after_kill()}};
    one.node.files->plan(call, fault::power_loss);
    auto made = one.opened->back_up(file);
    happened = one.node.files->fault_happened();
    auto files = one.node.files->after_kill();
    one.opened.reset();
    backed_up later{.node = test_node{all.node, files}};
    auto again = later.opened->back_up(file);
    if (again.has_error())
      CHECK(again.error().code == errc::conflict);
    CHECK(files->exists(file));
    later.node.time->advance(1ms);
    CHECK(later.restore_with_list().has_value());
  }
}

TEST_CASE("a restore that is interrupted anywhere is no store, and begins anew",
          "[runtime][backup][faults]") {
  backed_up all;
  all.put("user_sarah", "sarah's");
  all.put("user_gone", "x");
  all.back_up();
  all.acme().client("user_gone")->erase_scope().value();
  auto wanted = all.options();
  wanted.erased = all.opened->list_erased().value();
  all.opened.reset();
  auto start = all.node.files->after_kill();
  auto master
    = [&](const auto&, const auto&) -> result<std::vector<crypto::secret_key>> {
    return keys(all.node.master());
  };
  bool happened = true;
  int finished = 0;
  for (std::uint64_t call = 1; happened; call += long_mode() ? 1 : 7) {
    INFO("call " << call);
    auto files = start->after_kill();
    files->plan(call, fault::power_loss);
    auto done = restore_over(files, wanted, master, all.node.options);
    happened = files->fault_happened();
    auto later = files->after_power_loss();
    auto format = std::string{restored_path} + "/FORMAT";
    if (!later->exists(format)) {
      CHECK(restore_over(later, wanted, master, all.node.options).has_value());
    } else {
      ++finished;
    }
    auto parts
      = open_parts_over(later, restored_path, all.node.master(), false);
    REQUIRE(parts.has_value());
    auto restored = make_runtime(std::move(*parts), all.node.options).value();
    CHECK(memories_of(restored, "user_sarah") == 1);
    CHECK(outcome_of(restored, "user_gone") == errc::erased);
    CHECK(is_whole(restored));
  }
  CHECK(finished >= 1);
}
