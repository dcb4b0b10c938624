// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/data_directory.hpp"

#include <catch2/catch.hpp>

#include "tests/support/simulated_file_system.hpp"

using namespace cloister;
using namespace cloister::persistence;
using test::simulated_file_system;

TEST_CASE("one process has a data directory and a second is told who",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  {
    auto made = data_directory::create(files, "/d").value();
    made.finish_creation().value();
    CHECK(data_directory::create(files, "/d").error().code == errc::conflict);
    auto second = data_directory::take(files, "/d");
    REQUIRE(second.has_error());
    CHECK(second.error().code == errc::unavailable);
    CHECK(second.error().detail.find("process ") != std::string::npos);
  }
  CHECK(data_directory::take(files, "/d").has_value());
}

TEST_CASE("a directory without a store says how to make one", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto taken = data_directory::take(files, "/nowhere");
  CHECK(taken.error().code == errc::not_found);
  CHECK(taken.error().detail.find("cloister init") != std::string::npos);
}

TEST_CASE("a store of an unknown version is refused", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  replace_file(*files, "/d/FORMAT", "cloister store\nversion 2\nid x\n")
    .value();
  auto taken = data_directory::take(files, "/d");
  CHECK(taken.error().code == errc::corrupted);
  CHECK(taken.error().detail.find("another version") != std::string::npos);
}

TEST_CASE("a file that is replaced has its old or its new content",
          "[persistence]") {
  for (std::uint64_t call = 1; call < 8; ++call) {
    simulated_file_system files;
    replace_file(files, "/d/f", "old").value();
    files.plan(call, test::fault::power_loss);
    auto done = replace_file(files, "/d/f", "new");
    auto found = read_file(*files.after_power_loss(), "/d/f").value();
    CHECK((found == "new" || (!done && found == "old")));
  }
}
