// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What was erased stays so, whatever comes before and after it: crashes, a
// backup that is older, another master key; in every order.

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "engine/stored_records.hpp"
#include "runtime/backup_impl.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/rotation_impl.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

enum class event { kill, power_loss, erase, restore, rotate };

constexpr std::array all_events{event::kill, event::power_loss, event::erase,
                                event::restore, event::rotate};

std::string_view to_string(event what) {
  switch (what) {
    case event::kill:
      return "kill";
    case event::power_loss:
      return "power loss";
    case event::erase:
      return "erase";
    case event::restore:
      return "restore";
    case event::rotate:
      return "rotate";
  }
  return "";
}

constexpr const char* backup_file = "/elsewhere/backup";
constexpr const char* sarah_path = "org_acme/user_sarah";
constexpr const char* agent_path = "org_acme/user_sarah/agent_a";

/// A record as the disk had it once.
struct captured_record {
  bytes key;
  bytes sealed;
};

/// One store through all that happens to it. A user with an agent is what is
/// erased; a backup and a checkpoint are from before.
class life {
public:
  life() {
    files_ = node_.files;
    masters_.push_back(node_.master());
    opened_ = node_.open_or_fail();
    auto acme = opened_->organization("org_acme").value();
    acme.client("user_sarah")->create_memory(draft("sarah's")).value();
    acme.client("user_sarah/agent_a")
      ->create_memory(draft("her agent's"))
      .value();
    acme.client("user_bob")->create_memory(draft("bob's")).value();
    for (auto path : {sarah_path, agent_path})
      capture(path);
    checkpoint_ = opened_->make_checkpoint().value();
    opened_->back_up(backup_file).value();
    node_.time->advance(1ms);
  }

  void happen(event what) {
    switch (what) {
      case event::kill:
        go_on_with(files_->after_kill());
        break;
      case event::power_loss:
        go_on_with(files_->after_power_loss());
        break;
      case event::erase:
        erase();
        break;
      case event::restore:
        restore();
        break;
      case event::rotate:
        rotate();
        break;
    }
    node_.time->advance(1ms);
  }

  /// The same, and the power goes, or the process is killed, at one of its
  /// calls. What it was may have come about or not.
  void happen_and_crash(event what, std::uint64_t call, bool loses_power) {
    files_->plan(call, fault::power_loss);
    is_crashing_ = true;
    happen(what);
    is_crashing_ = false;
    go_on_with(loses_power ? files_->after_power_loss() : files_->after_kill());
    // Whoever was not told looks.
    auto there = opened_->organization("org_acme")
                   ->client("user_sarah")
                   ->list_memories();
    is_erased_ = is_erased_ || there.has_error();
  }

  void check() {
    auto acme = opened_->organization("org_acme").value();
    CHECK(acme.client("user_bob")->list_memories()->results.size() == 1);
    for (auto name : {"user_sarah", "user_sarah/agent_a"}) {
      auto bound = acme.client(name).value();
      auto listed = bound.list_memories();
      if (!is_erased_) {
        CHECK(listed->results.size() == 1);
        continue;
      }
      CHECK(listed.error().code == errc::erased);
      CHECK(bound.create_memory(draft("again")).error().code == errc::erased);
    }
    CHECK(eventually([&] { return has_finished_erasures(*opened_); }));
    if (is_erased_)
      check_nothing_opens();
    auto report = opened_->verify_all(checkpoint_).value();
    CHECK(report.reason == "");
    CHECK(report.intact);
    CHECK(eventually([&] { return damages_of(*opened_).empty(); }));
  }

  bool is_erased() const {
    return is_erased_;
  }

private:
  const persistence::catalog& catalog() const {
    return gateway_of(*opened_).services().catalog;
  }

  /// What is needed to find it by its tag, without its name.
  void capture(const std::string& path) {
    auto identity = catalog().find(scope::parse(path).value())->exact;
    organization_ = identity->root().tag;
    paths_.push_back(persistence::tags_of(*identity));
    static_cast<void>(gateway_of(*opened_).services().records.scan(
      identity->space().range(persistence::record_kind::memory), {},
      [&](bytes_view key, bytes_view sealed) {
        records_.push_back({bytes{key}, bytes{sealed}});
        return true;
      }));
  }

  /// Neither by its tags, nor with any key that is left.
  void check_nothing_opens() const {
    for (const auto& path : paths_)
      CHECK(catalog().follow(organization_, path).has_error());
    std::vector<persistence::identity_ptr> left;
    for (auto path : {"org_acme", "org_acme/user_bob"})
      left.push_back(catalog().find(scope::parse(path).value())->exact);
    REQUIRE(records_.size() == 2);
    for (const auto& record : records_)
      for (const auto& identity : left)
        CHECK(engine::open_record(*identity, record.key, record.sealed)
                .has_error());
  }

  std::vector<crypto::secret_key> masters() const {
    std::vector<crypto::secret_key> out;
    for (const auto& each : masters_)
      out.push_back(each.duplicate());
    return out;
  }

  void go_on_with(std::shared_ptr<simulated_file_system> files) {
    opened_.reset();
    files_ = std::move(files);
    auto parts = open_parts_over(files_, data_, masters());
    REQUIRE(parts.has_value());
    opened_ = make_runtime(std::move(*parts), node_.options).value();
  }

  void erase() {
    auto sarah
      = opened_->organization("org_acme").value().client("user_sarah").value();
    auto done = sarah.erase_scope();
    if (is_crashing_) {
      is_erased_ = is_erased_ || done.has_value();
      return;
    }
    CHECK((done.has_value() || is_erased_));
    is_erased_ = true;
  }

  /// The backup is as old as ever; the store that is made of it is what is
  /// gone on with.
  void restore() {
    restore_options wanted;
    wanted.file = backup_file;
    wanted.data_dir = "/restored-" + std::to_string(++restored_);
    wanted.recovery_key = node_.recovery_key;
    auto list = opened_->list_erased();
    if (list.has_error()) {
      CHECK(is_crashing_);
      return;
    }
    wanted.erased = *list;
    auto master = [this](const auto&, const auto&) {
      return result<std::vector<crypto::secret_key>>{masters()};
    };
    auto done = restore_over(files_, wanted, master, node_.options);
    if (done.has_error()) {
      CHECK(is_crashing_);
      return;
    }
    data_ = wanted.data_dir;
    if (!is_crashing_)
      go_on_with(files_);
  }

  void rotate() {
    masters_.push_back(crypto::secret_key::random());
    auto done = rotate_to(runtime_access::parts(*opened_),
                          masters_.back().duplicate(), {});
    CHECK((done.has_value() || is_crashing_));
  }

  test_node node_;
  std::shared_ptr<simulated_file_system> files_;
  std::string data_ = "/data";
  std::vector<crypto::secret_key> masters_;
  std::optional<runtime> opened_;
  std::optional<audit_checkpoint> checkpoint_;
  persistence::scope_tag organization_{};
  std::vector<std::vector<persistence::scope_tag>> paths_;
  std::vector<captured_record> records_;
  int restored_ = 0;
  bool is_erased_ = false;
  bool is_crashing_ = false;
};

} // namespace

TEST_CASE("what was erased stays so in every order of what happens to a store",
          "[faults][erasure][backup][rotation]") {
  auto order = all_events;
  int orders = 0;
  do {
    std::string told;
    life one;
    for (auto what : order) {
      told += std::string{to_string(what)} + ", ";
      INFO(told);
      one.happen(what);
      one.check();
    }
    CHECK(one.is_erased());
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  CHECK(orders == 120);
}

TEST_CASE("what was erased stays so whatever happens, and is cut short",
          "[faults][erasure][backup][rotation]") {
  std::mt19937_64 random{seed()};
  for (int lives = 0; lives < (long_mode() ? 2000 : 40); ++lives) {
    life one;
    std::string told
      = "seed " + std::to_string(seed()) + ", life " + std::to_string(lives);
    for (int i = 0; i < 6; ++i) {
      auto what = all_events[random() % all_events.size()];
      auto crashes = random() % 2 == 0;
      auto call = 1 + random() % 60;
      told += std::string{"; "} + std::string{to_string(what)};
      if (crashes)
        told += " cut short at call " + std::to_string(call);
      INFO(told);
      if (crashes)
        one.happen_and_crash(what, call, random() % 2 == 0);
      else
        one.happen(what);
      one.check();
    }
  }
}
