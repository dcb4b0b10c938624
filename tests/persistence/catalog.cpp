// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/catalog.hpp"

#include <catch2/catch.hpp>

#include "crypto/hash.hpp"
#include "tests/support/simulated_file_system.hpp"

using namespace cloister;
using namespace cloister::persistence;
using test::simulated_file_system;

namespace {

struct fixture {
  std::shared_ptr<simulated_file_system> files
    = std::make_shared<simulated_file_system>();
  std::unique_ptr<store> records = [this] {
    store_options options{files, "/d/store"};
    options.create = true;
    return store::open(std::move(options)).value();
  }();
  std::unique_ptr<key_slots> slots = key_slots::open(files, "/d/keys").value();
  std::shared_ptr<const node_identity> node;
  std::unique_ptr<catalog> scopes;

  fixture() {
    slots->allocate().value();
    auto batch = std::make_shared<write_batch>();
    crypto::digest term;
    node = create_node_identity(crypto::secret_key::random(), {}, *batch, term);
    apply(batch);
    scopes = std::make_unique<catalog>(node, *records, *slots);
  }

  void apply(const std::shared_ptr<write_batch>& batch) {
    if (!batch->slots().empty())
      slots->write(batch->slots()).value();
    std::vector<std::shared_ptr<write_batch>> one{batch};
    records->write(one).value();
  }

  identity_ptr make(const identity_ptr& parent, std::string_view path) {
    auto batch = std::make_shared<write_batch>();
    auto child = scopes->prepare_child(parent, scope::parse(path).value(),
                                       timestamp{1}, *batch);
    apply(batch);
    return child.value().identity;
  }

  result<scope_lookup> find(std::string_view path) {
    catalog fresh{node, *records, *slots};
    return fresh.find(scope::parse(path).value());
  }
};

} // namespace

TEST_CASE("a scope is found by its name and by its tags", "[persistence]") {
  fixture f;
  auto org = f.make(nullptr, "org_a");
  auto user = f.make(org, "org_a/user_b");
  auto found = f.find("org_a/user_b").value();
  REQUIRE(found.exact);
  CHECK(found.exact->tag == user->tag);
  CHECK(found.exact->pseudonym == user->pseudonym);
  CHECK(found.exact->keys.data->now()->key.view()
        == user->keys.data->now()->key.view());
  CHECK(found.exact->organization->audit.view()
        == org->organization->audit.view());
  catalog fresh{f.node, *f.records, *f.slots};
  CHECK(fresh.follow(org->tag, tags_of(*user)).value()->name == user->name);
  CHECK(fresh.find_pseudonym(*org, user->pseudonym).value() == tags_of(*user));
  CHECK(fresh.organization_at(view_of(org->tag).substr(0, 5)).value()->tag
        == org->tag);
  byte_reader tag{view_of(user->tag)};
  auto locator = tag.u64() >> 24;
  CHECK(fresh.locate(*org, locator).value().front() == tags_of(*user));
}

TEST_CASE("a missing scope tells its nearest ancestor", "[persistence]") {
  fixture f;
  auto org = f.make(nullptr, "org_a");
  auto missing = f.find("org_a/user_b/agent_c").value();
  CHECK_FALSE(missing.exact);
  CHECK(missing.nearest->name == org->name);
  CHECK_FALSE(f.find("org_b").value().nearest);
}

TEST_CASE("without its slot a scope is erased and its name unreadable",
          "[persistence]") {
  fixture f;
  auto org = f.make(nullptr, "org_a");
  auto user = f.make(org, "org_a/user_b");
  std::vector<slot_write> destroy{{user->slot, user->tag, {}, 0, 0}};
  f.slots->write(destroy).value();
  CHECK(f.find("org_a/user_b").error().code == errc::erased);
  catalog fresh{f.node, *f.records, *f.slots};
  int erased = 0;
  fresh
    .children(org,
              [&](result<identity_ptr> child) {
                erased
                  += child.has_error() && child.error().code == errc::erased;
                return true;
              })
    .value();
  CHECK(erased == 1);
}

TEST_CASE("another master key opens nothing", "[persistence]") {
  fixture f;
  auto wrong = open_node_identity(
    std::make_shared<master_keys>(crypto::secret_key::random(), 1u), *f.records,
    *f.slots);
  CHECK(wrong.error().code == errc::sealed);
  CHECK(
    open_node_identity(f.node->master, *f.records, *f.slots).value()->tag.view()
    == f.node->tag.view());
}
