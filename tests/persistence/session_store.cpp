// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/session_store.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "tests/support/simulated_file_system.hpp"

using namespace cloister;
using namespace cloister::persistence;
using cloister::test::simulated_file_system;

namespace {

constexpr partition_id acme = 1;
constexpr partition_id globex = 2;
constexpr std::size_t own_memory = 1024;
constexpr std::size_t record_bytes = 4096;

struct world {
  std::shared_ptr<session_files> files
    = std::make_shared<session_files>(std::make_shared<simulated_file_system>(),
                                      "/sessions", session_room{4, 64 * 1024});
  std::uint8_t last = 0;

  std::unique_ptr<session_store> session(partition_id of) {
    scope_tag tag{};
    tag[0] = ++last;
    spaces.emplace(last, key_space{of, tag});
    return std::make_unique<session_store>(files, spaces.at(last), own_memory);
  }

  /// One more record for the session that was made as number `of`.
  result<void> write(session_store& to, std::uint8_t of, std::uint64_t record) {
    write_batch batch;
    batch.put(spaces.at(of).key(record_kind::memory, record),
              bytes(record_bytes, 'x'));
    return to.write(batch, [] { return result<void>{}; });
  }

  std::map<std::uint8_t, key_space> spaces;
};

} // namespace

TEST_CASE("sessions of one organization leave others files and memory",
          "[session]") {
  world w;
  std::vector<std::unique_ptr<session_store>> sessions;
  for (std::uint8_t number = 1; number <= 3; ++number) {
    sessions.push_back(w.session(acme));
    REQUIRE(w.write(*sessions.back(), number, 1).has_value());
  }
  CHECK(w.files->open_files() == 3);

  // Without a file a session stays in memory, as long as there is room.
  sessions.push_back(w.session(acme));
  std::uint64_t written = 0;
  while (w.write(*sessions.back(), 4, written).has_value())
    REQUIRE(++written < 100);
  CHECK(w.files->open_files() == 3);
  CHECK(w.files->memory_bytes() <= 64 * 1024 / 4 * 3 + 8 * 1024);
  CHECK(w.write(*sessions.back(), 4, written).error().code == errc::overloaded);

  auto other = w.session(globex);
  for (std::uint64_t record = 0; record < 20; ++record)
    REQUIRE(w.write(*other, 5, record).has_value());
  CHECK(w.files->open_files() == 4);

  // What ends gives its room back.
  sessions.clear();
  CHECK(w.files->open_files() == 1);
  sessions.push_back(w.session(acme));
  CHECK(w.write(*sessions.back(), 6, 1).has_value());
  CHECK(w.files->open_files() == 2);
  sessions.clear();
  other.reset();
  CHECK(w.files->open_files() == 0);
  CHECK(w.files->memory_bytes() == 0);
}
