// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/store.hpp"

#include <catch2/catch.hpp>

#include "persistence/commit_queue.hpp"
#include "tests/support/simulated_file_system.hpp"

using namespace cloister;
using namespace cloister::persistence;
using test::fault;
using test::simulated_file_system;

namespace {

const key_space space{7, scope_tag{1, 2, 3}};

std::shared_ptr<write_batch> put(std::uint64_t number, std::string value) {
  auto batch = std::make_shared<write_batch>();
  batch->put(space.key(record_kind::memory, number), std::move(value));
  return batch;
}

result<void> write(store& records, std::shared_ptr<write_batch> batch) {
  std::vector<std::shared_ptr<write_batch>> one{std::move(batch)};
  return records.write(one);
}

std::optional<bytes> read(const store& records, std::uint64_t number) {
  return records.get(space.key(record_kind::memory, number)).value();
}

store_options new_store(const std::shared_ptr<simulated_file_system>& files) {
  store_options out{files, "/d/store"};
  out.create = true;
  return out;
}

} // namespace

TEST_CASE("a key space's keys all begin with its scope", "[persistence]") {
  key_space other{7, scope_tag{1, 2, 4}};
  for (auto kind : {record_kind::memory, record_kind::head, record_kind::child})
    CHECK(space.key(kind).view().starts_with(space.everything()));
  CHECK_FALSE(
    other.key(record_kind::memory, 1).view().starts_with(space.everything()));
}

TEST_CASE("without CURRENT nothing is opened, and nothing removed",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  write(*store::open(new_store(files)).value(), put(1, "one")).value();
  // Turns the log into a table.
  store::open({files, "/d/store"}).value();
  files->remove("/d/store/CURRENT").value();
  auto before = files->paths();
  auto opened = store::open({files, "/d/store"});
  REQUIRE(opened.has_error());
  CHECK(opened.error().code == errc::corrupted);
  CHECK(files->paths() == before);
  store::repair({files, "/d/store"}).value();
  CHECK(read(*store::open({files, "/d/store"}).value(), 1) == "one");
}

TEST_CASE("a missing table is damage, and not an absence", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  write(*store::open(new_store(files)).value(), put(1, "one")).value();
  store::open({files, "/d/store"}).value();
  for (const auto& path : files->paths())
    if (path.ends_with(".ldb"))
      files->remove(path).value();
  auto opened = store::open({files, "/d/store"});
  REQUIRE(opened.has_error());
  CHECK(opened.error().code == errc::corrupted);
}

TEST_CASE("a directory that cannot be synced after CURRENT was renamed leaves "
          "a store that opens",
          "[persistence]") {
  for (std::uint64_t call = 1; call < 60; ++call) {
    auto files = std::make_shared<simulated_file_system>();
    write(*store::open(new_store(files)).value(), put(1, "one")).value();
    files->plan(call, fault::fail);
    {
      auto records = store::open({files, "/d/store"});
      static_cast<void>(records);
    }
    INFO("call " << call);
    auto after = store::open({files->after_kill(), "/d/store"});
    REQUIRE(after.has_value());
    CHECK(read(**after, 1) == "one");
  }
}

TEST_CASE("scans stay inside their prefix and go both ways", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto records = store::open(new_store(files)).value();
  key_space neighbour{7, scope_tag{1, 2, 3, 1}};
  for (std::uint64_t i = 1; i <= 5; ++i)
    write(*records, put(i, std::to_string(i))).value();
  auto foreign = std::make_shared<write_batch>();
  foreign->put(neighbour.key(record_kind::memory, 1), "foreign");
  foreign->put(space.key(record_kind::revision, 1), "other kind");
  write(*records, foreign).value();
  auto prefix = space.range(record_kind::memory);
  std::string forward;
  std::string backward;
  records
    ->scan(prefix, {},
           [&](bytes_view, bytes_view value) {
             forward += value;
             return true;
           })
    .value();
  bytes before;
  byte_writer{before}.u64(4);
  records
    ->scan_back(prefix, before,
                [&](bytes_view, bytes_view value) {
                  backward += value;
                  return true;
                })
    .value();
  CHECK(forward == "12345");
  CHECK(backward == "321");
}

TEST_CASE("after a failed write nothing is written until the store is reopened",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto records = store::open(new_store(files)).value();
  write(*records, put(1, "one")).value();
  files->plan(1, fault::tear);
  CHECK(write(*records, put(2, "two")).error().code == errc::unavailable);
  CHECK(records->poisoned());
  CHECK(write(*records, put(3, "three")).error().code == errc::unavailable);
  CHECK(read(*records, 1) == "one");
  auto generation = records->generation();
  records->reopen().value();
  CHECK(records->generation() == generation + 1);
  CHECK(write(*records, put(3, "three")).has_value());
  CHECK(read(*records, 1) == "one");
  CHECK(read(*records, 3) == "three");
}

TEST_CASE("what was synced survives a power failure at any call",
          "[persistence]") {
  for (std::uint64_t call = 1; call < 60; ++call) {
    auto files = std::make_shared<simulated_file_system>();
    files->plan(call, fault::power_loss);
    std::uint64_t acknowledged = 0;
    {
      auto records = store::open(new_store(files));
      for (std::uint64_t i = 1; records && i < 12; ++i) {
        if (!write(**records, put(i, "value")))
          break;
        acknowledged = i;
      }
    }
    auto after = store::open(new_store(files->after_power_loss()));
    INFO("call " << call);
    REQUIRE(after.has_value());
    for (std::uint64_t i = 1; i <= acknowledged; ++i)
      CHECK(read(**after, i) == "value");
  }
}

TEST_CASE("the queue refuses what builds on something refused",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto directory = data_directory::create(files, "/d").value();
  auto records = store::open(new_store(files)).value();
  auto slots = key_slots::open(files, "/d/keys").value();
  commit_queue queue{*records, *slots, directory};
  files->space = 1024;
  auto grows = put(1, "x");
  grows->set_load(5);
  auto later = put(2, "x");
  later->set_load(5);
  later->set_effect(batch_effect::shrinks);
  auto stranger = put(3, "x");
  stranger->set_load(6);
  stranger->set_effect(batch_effect::shrinks);
  queue.add(grows);
  queue.add(later);
  queue.add(stranger);
  auto outcomes = queue.flush();
  CHECK(outcomes[0].error().detail.find("nearly full") != std::string::npos);
  CHECK(outcomes[1].has_error());
  CHECK(outcomes[2].has_value());
  CHECK_FALSE(read(*records, 2).has_value());
  CHECK(read(*records, 3) == "x");
  auto old = put(4, "x");
  old->set_generation(records->generation() + 1);
  queue.add(old);
  CHECK(queue.flush()[0].has_error());
}
