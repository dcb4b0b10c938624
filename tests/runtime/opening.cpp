// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <filesystem>
#include <future>
#include <thread>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/runtime.hpp"

using namespace cloister;

namespace {

/// A place on the disk, gone afterwards.
class place {
public:
  place()
    : path_(std::filesystem::temp_directory_path()
            / ("cloister-opening-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(path_);
  }
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  ~place() {
    std::filesystem::remove_all(path_);
  }

  runtime_options options() const {
    return {.data_dir = path_ / "data", .master_key_file = path_ / "key"};
  }

private:
  std::filesystem::path path_;
};

} // namespace

TEST_CASE("a store can be opened while another thread still closes it",
          "[runtime]") {
  place here;
  auto opened = runtime::open(here.options());
  for (int round = 0; round < 30; ++round) {
    REQUIRE(opened.has_value());
    std::atomic<bool> closing{false};
    std::thread closer{[&closing, last = std::move(*opened)]() mutable {
      auto dropped = std::optional{std::move(last)};
      closing = true;
      dropped.reset();
    }};
    while (!closing)
      std::this_thread::yield();
    opened = runtime::open(here.options());
    closer.join();
    if (opened.has_error())
      // The other thread had not begun to close it.
      opened = runtime::open(here.options());
  }
}

TEST_CASE("a store that a call still holds is waited for", "[runtime]") {
  place here;
  for (int round = 0; round < 30; ++round) {
    auto opened = runtime::open(here.options());
    REQUIRE(opened.has_value());
    auto acme = opened->organization("org_acme").value();
    opened = error{errc::unavailable, {}};
    acme.client("user_x")->create_memory({.content = "x"},
                                         [](const result<memory>&) {});
  }
}

TEST_CASE("a runtime is not opened by a thread that runs actors", "[runtime]") {
  place here;
  auto opened = runtime::open(here.options()).value();
  auto acme = opened.organization("org_acme").value();
  std::promise<errc> answer;
  acme.client("user_x")->list_memories({}, [&](const result<memory_list>&) {
    auto second = runtime::open({.data_dir = "elsewhere", .create = false});
    answer.set_value(second ? errc::ok : second.error().code);
  });
  CHECK(answer.get_future().get() == errc::invalid_argument);
}

TEST_CASE("a store that this process has open is said to be", "[runtime]") {
  place here;
  auto opened = runtime::open(here.options()).value();
  auto again = runtime::open(here.options());
  REQUIRE(again.has_error());
  CHECK(again.error().code == errc::unavailable);
  CHECK(again.error().detail.find("this process") != std::string::npos);
  CHECK(runtime::open({.data_dir = ""}).error().code == errc::invalid_argument);
}

TEST_CASE("a store without its master key is opened sealed, and says what to "
          "do",
          "[runtime]") {
  place here;
  {
    auto opened = runtime::open(here.options());
    REQUIRE(opened.has_value());
    CHECK_FALSE(opened->sealed());
    opened->create_organization("org_acme").value();
  }
  auto wrong = here.options();
  wrong.master_key_file.reset();
  wrong.master_key_command = "printf '%064d' 1";
  auto opened = runtime::open(wrong);
  REQUIRE(opened.has_value());
  CHECK(opened->sealed().value().code == errc::sealed);
  auto refused = [](const auto& outcome) {
    return outcome.has_error() && outcome.error().code == errc::sealed;
  };
  CHECK(refused(opened->organization("org_acme")));
  CHECK(refused(opened->existing_organization("org_acme")));
  CHECK(refused(opened->create_organization("org_b")));
  CHECK(refused(opened->list_organizations()));
  CHECK(refused(opened->client("cloister_x")));
  CHECK(refused(opened->list_node_audit()));
  CHECK(refused(opened->verify_all()));
  CHECK(refused(opened->make_checkpoint()));
  CHECK(refused(opened->export_audit([](const auto&) { return true; })));
  CHECK(opened->receipt_key().empty());
  opened->sweep();
  std::promise<bool> told;
  opened->list_organizations(
    [&](const auto& outcome) { told.set_value(refused(outcome)); });
  CHECK(told.get_future().get());
  // It holds nothing: the right key opens the store beside it.
  auto right = runtime::open(here.options());
  REQUIRE(right.has_value());
  CHECK(right->existing_organization("org_acme").has_value());
}
