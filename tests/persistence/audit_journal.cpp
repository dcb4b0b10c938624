// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/audit_journal.hpp"

#include <catch2/catch.hpp>

#include "tests/support/simulated_file_system.hpp"

using namespace cloister;
using namespace cloister::persistence;
using test::simulated_file_system;

namespace {

constexpr scope_tag org{1};
constexpr scope_tag scope_a{2};
constexpr scope_tag scope_b{3};

std::unique_ptr<audit_journal>
open(const std::shared_ptr<simulated_file_system>& files, std::uint32_t epoch) {
  return audit_journal::open(files, "/d", epoch).value();
}

} // namespace

TEST_CASE("entries of a killed process are found in order", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto journal = open(files, 1);
  journal->append(org, scope_a, "one").value();
  journal->append(org, scope_b, "two").value();
  auto last = journal->append(org, scope_a, "three").value();
  auto again = open(files->after_kill(), 2);
  auto found = again->unsettled(scope_a);
  REQUIRE(found.size() == 2);
  CHECK(found[0].sealed == "one");
  CHECK(found[1].sealed == "three");
  CHECK(found[1].sequence == last);
  CHECK(again->unsettled(scope_b).size() == 1);
  REQUIRE(again->left_behind().size() == 2);
  CHECK(again->left_behind()[0].organization == org);
  CHECK(again->append(org, scope_a, "four").value() > last);
}

TEST_CASE("a torn or damaged entry hides nothing around it", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto journal = open(files, 1);
  journal->append(org, scope_a, "one").value();
  journal->append(org, scope_a, "damaged later").value();
  journal->append(org, scope_a, "behind it").value();
  auto path = files->paths().front();
  files->plan(1, test::fault::tear);
  CHECK(journal->append(org, scope_a, "three").has_value());
  auto killed = files->after_kill();
  killed->flip(path, files->content(path).find("damaged"), 0);
  auto found = open(killed, 2)->unsettled(scope_a);
  REQUIRE(found.size() == 3);
  CHECK(found[0].sealed == "one");
  CHECK(found[1].sealed == "behind it");
  CHECK(found[2].sealed == "three");
}

TEST_CASE("a file goes once all its entries are settled, and not before",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  {
    auto journal = open(files, 1);
    journal->append(org, scope_a, "one").value();
    auto two = journal->append(org, scope_a, "two").value();
    auto three = journal->append(org, scope_b, "three").value();
    journal->settle(scope_a, two);
    CHECK(journal->unsettled(scope_a).empty());
    CHECK(journal->unsettled(scope_b).size() == 1);
    static_cast<void>(three);
  }
  {
    auto again = open(files, 2);
    REQUIRE(again->unsettled(scope_b).size() == 1);
    CHECK(again->unsettled(scope_a).size() == 2);
    again->settle(scope_a, again->unsettled(scope_a).back().sequence);
    again->settle(scope_b, again->unsettled(scope_b).back().sequence);
  }
  CHECK(files->paths().empty());
}
