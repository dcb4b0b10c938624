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
