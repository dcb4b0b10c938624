// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "engine/audit_reader.hpp"
#include "engine/chain_start.hpp"
#include "engine/examiner.hpp"
#include "engine/repairer.hpp"
#include "runtime/open_parts.hpp"
#include "tests/runtime/aged_store.hpp"

using namespace cloister;
using namespace cloister::test;
using persistence::record_kind;

namespace {

/// A store with a pruned trail, whose owner lies about it.
struct lying_store {
  aged_store store;
  std::optional<persistence::node_store> parts;
  persistence::identity_ptr sarah;
  bytes pruned_entry;

  lying_store() {
    store.opened.reset();
    pruned_entry = read(record_kind::audit_entry, 0);
    store.opened = store.node.open_or_fail();
    store.prune_everything();
    store.opened.reset();
    open();
  }

  void open() {
    parts.emplace(store.node.open_parts().value());
    sarah = parts->catalog->find(scope::parse("org_acme/user_sarah").value())
              ->exact;
  }

  bytes read(record_kind kind, std::optional<std::uint64_t> number) {
    open();
    auto space = sarah->space();
    auto found = parts->records->get(number ? space.key(kind, *number)
                                            : space.key(kind));
    auto out = found.value().value();
    close();
    return out;
  }

  void close() {
    sarah.reset();
    parts.reset();
  }

  engine::services with() {
    return services_over(*parts, store.node.time);
  }
  engine::ledger_context context() const {
    return engine::context_of(*sarah);
  }
  auth::audit_stub stub() {
    return engine::read_stub(with(), context()).value().value();
  }
  std::uint64_t length() {
    return engine::read_head(context(), *parts->records)->audit_length;
  }

  /// Applies it, and answers why the store does not verify; then takes it back.
  std::string
  after(const std::function<void(persistence::write_batch&,
                                 const persistence::key_space&)>& lie) {
    auto batch = std::make_shared<persistence::write_batch>();
    lie(*batch, sarah->space());
    auto undo = std::make_shared<persistence::write_batch>();
    for (const auto& change : batch->changes()) {
      auto old = parts->records->get(change.key).value();
      if (old)
        undo->put(change.key, *old);
      else
        undo->erase(change.key);
    }
    write(batch);
    auto services = with();
    auto report = engine::verify_chains(services, nullptr, {}).value();
    auto found = engine::examine_store(services, *parts->slots).damages;
    CHECK(found.empty() == report.intact);
    write(undo);
    return report.intact ? "" : report.first_broken + ": " + report.reason;
  }

  void write(const std::shared_ptr<persistence::write_batch>& batch) {
    std::vector batches{batch};
    parts->records->write(batches).value();
  }
};

} // namespace

TEST_CASE("a store that lies about what was pruned is caught",
          "[runtime][retention]") {
  lying_store lying;
  auto stub = lying.stub();
  auto from = stub.from;
  auto end = lying.length();
  REQUIRE(end > from + 2);
  auto value = [&](std::uint64_t index) {
    return lying.parts->records
      ->get(lying.sarah->space().key(record_kind::audit_entry, index))
      .value()
      .value();
  };
  auto with = lying.with();
  auto put_entry = [&](std::uint64_t index, bytes data) {
    return [=](auto& batch, auto& space) {
      batch.put(space.key(record_kind::audit_entry, index), data);
    };
  };
  CHECK(lying.after([](auto&, auto&) {}) == "");
  SECTION("an entry is dropped") {
    for (auto index = from; index < end; ++index)
      CHECK(lying.after([&](auto& batch, auto& space) {
        batch.erase(space.key(record_kind::audit_entry, index));
      }) != "");
  }
  SECTION("entries are swapped") {
    auto first = value(from);
    auto second = value(from + 1);
    CHECK(lying.after([&](auto& batch, auto& space) {
      batch.put(space.key(record_kind::audit_entry, from), second);
      batch.put(space.key(record_kind::audit_entry, from + 1), first);
    }) != "");
  }
  SECTION("an entry is altered") {
    auto bent = value(from);
    bent.back() = static_cast<char>(bent.back() ^ 1);
    CHECK(lying.after(put_entry(from, bent)) != "");
  }
  SECTION("a pruned entry is put back") {
    CHECK(lying.after(put_entry(0, lying.pruned_entry)) != "");
  }
  SECTION("the stub is removed") {
    CHECK(lying.after([](auto& batch, auto& space) {
      batch.erase(space.key(record_kind::audit_stub));
    }) != "");
  }
  auto forge = [&](const auth::audit_stub& made) {
    return lying.after([&](auto& batch, auto& space) {
      batch.put(space.key(record_kind::audit_stub),
                crypto::seal(with.catalog.node().audit, 0,
                             auth::stub_context(view_of(lying.sarah->tag)),
                             auth::encode_audit_stub(made)));
    });
  };
  SECTION("the stub is signed by another key") {
    auth::sign(stub, crypto::secret_key::random());
    CHECK(forge(stub).find("not signed by this store") != std::string::npos);
  }
  SECTION("the stub is of another chain") {
    auto other = stub;
    other.chain = lying.sarah->parent->tag;
    auth::sign(other, with.catalog.node().signing_seed);
    CHECK(forge(other) != "");
  }
  SECTION("the stub claims more than there was") {
    for (auto claimed : {from + 1, end, end + 5}) {
      auto more = stub;
      more.from = claimed;
      auth::sign(more, with.catalog.node().signing_seed);
      CHECK(forge(more) != "");
    }
  }
  SECTION("there are two stubs") {
    auto sealed = lying.parts->records
                    ->get(lying.sarah->space().key(record_kind::audit_stub))
                    .value()
                    .value();
    CHECK(lying.after([&](auto& batch, auto& space) {
      batch.put(space.key(record_kind::audit_stub, bytes_view{"x"}), sealed);
    }) != "");
  }
}

TEST_CASE("a pruned trail that is cut off at its end is caught by a checkpoint",
          "[runtime][retention]") {
  aged_store store;
  store.prune_everything();
  auto older = store.node.files->after_kill();
  store.user("user_sarah").create_memory(draft("z")).value();
  auto kept = store.opened->make_checkpoint().value();
  auto key = store.opened->receipt_key();
  store.opened.reset();
  test_node back{store.node, older};
  auto opened = back.open_or_fail();
  CHECK(broken_in(opened) == "");
  CHECK(broken_in(opened, kept) != "");
  CHECK_FALSE(verified(exported(opened), key, kept)->intact);
}

TEST_CASE("an export of a pruned trail that was bent is told",
          "[runtime][retention]") {
  aged_store store;
  store.prune_everything();
  auto lines = exported(*store.opened);
  auto key = store.opened->receipt_key();
  CHECK(verified(lines, key)->intact);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto bent = lines;
    bent.erase(bent.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(verified(bent, key).has_error());
    bent = lines;
    bent.insert(bent.begin(), lines[i]);
    CHECK(verified(bent, key).has_error());
  }
}

TEST_CASE("a repair proves memories by what a pruned trail took over",
          "[runtime][retention]") {
  lying_store lying;
  auto name = lying.with().catalog.name_hash(
    lying.sarah->parent, scope::parse("org_acme/user_gone")->name());
  // A memory goes, and the tombstone of a name that must stay refused.
  auto batch = std::make_shared<persistence::write_batch>();
  batch->erase(lying.sarah->space().key(record_kind::memory, 2));
  batch->erase(
    lying.sarah->parent->space().key(record_kind::tombstone, view_of(name)));
  lying.write(batch);
  {
    auto with = lying.with();
    auto report
      = engine::repair_store(with, *lying.parts->slots, *lying.parts->records)
          .value();
    CHECK(report.lost.size() == 2);
    CHECK(engine::examine_store(with, *lying.parts->slots).damages.empty());
  }
  lying.close();
  lying.store.opened = lying.store.node.open_or_fail();
  auto& store = lying.store;
  auto list = store.user("user_sarah").list_memories().value();
  REQUIRE(list.results.size() == 1);
  CHECK(list.results.front().memory == store.updated);
  CHECK(store.user("user_gone").list_memories().error().code == errc::erased);
  CHECK(store.opened->client(store.revoked_key, "user_sarah").error().code
        == errc::unauthenticated);
  CHECK(broken_in(*store.opened) == "");
}

namespace {

/// Prunes whatever can be, and goes on after failures.
void prune_all(const runtime& opened, timestamp before) {
  for (auto name : {"org_acme/user_sarah", "org_acme", ""})
    static_cast<void>(opened.prune_audit(name, before));
}

void check_pruned(const test_node& node, const aged_store& was) {
  auto opened = test_node{node}.open_or_fail();
  CHECK(broken_in(opened) == "");
  auto sarah = opened.organization("org_acme")->client("user_sarah").value();
  CHECK(sarah.get_memory(was.updated.id).value() == was.updated);
  CHECK(sarah.get_memory(was.last.id).value() == was.last);
  // The next one goes on.
  prune_all(opened, was.cut);
  for (auto name : {"org_acme/user_sarah", "org_acme", ""})
    CHECK(opened.prune_audit(name, was.cut)->entries == 0);
  CHECK(broken_in(opened) == "");
  CHECK(damages_of(opened) == "");
}

} // namespace

TEST_CASE("pruning may be interrupted at any call", "[runtime][retention]") {
  aged_store was;
  was.opened.reset();
  auto files = was.node.files->after_kill();
  auto run = [&](std::uint64_t call, fault what) {
    test_node node{was.node, files->after_kill()};
    {
      auto opened = node.open_or_fail();
      node.files->plan(call, what);
      prune_all(opened, was.cut);
    }
    return node;
  };
  auto calls = run(0, fault::fail).files->calls();
  REQUIRE(calls > 20);
  for (std::uint64_t call = 1; call <= calls; ++call) {
    INFO("call " << call << " of " << calls);
    auto node = run(call, fault::power_loss);
    check_pruned(test_node{node, node.files->after_power_loss()}, was);
    check_pruned(test_node{node, node.files->after_kill()}, was);
    auto failed = run(call, fault::fail);
    failed.files->plan(0, fault::fail);
    check_pruned(failed, was);
  }
}
