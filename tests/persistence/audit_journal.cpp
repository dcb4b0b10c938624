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
  const auto& found = again->recovered();
  REQUIRE(found.at(scope_a).size() == 2);
  CHECK(found.at(scope_a)[0].sealed == "one");
  CHECK(found.at(scope_a)[1].sealed == "three");
  CHECK(found.at(scope_a)[1].sequence == last.sequence);
  CHECK(found.at(scope_b)[0].organization == org);
  CHECK(again->append(org, scope_a, "four")->sequence > last.sequence);
}

TEST_CASE("a torn last entry hides nothing before it", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto journal = open(files, 1);
  journal->append(org, scope_a, "one").value();
  files->plan(1, test::fault::tear);
  CHECK_FALSE(journal->append(org, scope_a, "two").has_value());
  CHECK(journal->append(org, scope_a, "three").has_value());
  auto found = open(files->after_kill(), 2)->recovered();
  REQUIRE(found.at(scope_a).size() == 2);
  CHECK(found.at(scope_a)[1].sealed == "three");
}

TEST_CASE("a file goes once all its entries are settled", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  {
    auto journal = open(files, 1);
    auto one = journal->append(org, scope_a, "one").value();
    auto two = journal->append(org, scope_a, "two").value();
    journal->settle(one.file, 1);
    journal->settle(two.file, 1);
  }
  CHECK(files->paths().empty());
}
