// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <condition_variable>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/audit_export.hpp"
#include "runtime/checkpoint_command.hpp"
#include "runtime/checkpoint_shipper.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

/// Time that passes when the test says so.
class told_time {
public:
  void pass() {
    std::lock_guard guard{mutex_};
    ++due_;
    changed_.notify_all();
  }

  bool wait(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, stop, [this] { return due_ > 0; });
    if (stop.stop_requested())
      return false;
    --due_;
    return true;
  }

private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int due_ = 0;
};

/// What arrives elsewhere, and what was told of failures.
struct elsewhere {
  std::mutex mutex;
  std::vector<std::string> documents;
  std::vector<error> failures;
  bool is_away = false;

  std::size_t arrived() {
    std::lock_guard guard{mutex};
    return documents.size();
  }
  std::size_t failed() {
    std::lock_guard guard{mutex};
    return failures.size();
  }
};

checkpoint_shipper::parts parts_of(const runtime& opened, elsewhere& to,
                                   told_time& time) {
  checkpoint_shipper::parts out;
  out.make = [&opened]() -> result<std::string> {
    auto made = opened.make_checkpoint();
    return made ? result<std::string>{to_json_text(*made)} : made.error();
  };
  out.ship = [&to](const std::string& document,
                   const std::stop_token&) -> result<void> {
    std::lock_guard guard{to.mutex};
    if (to.is_away)
      return error{errc::unavailable, "nobody there"};
    to.documents.push_back(document);
    return {};
  };
  out.wait = [&time](const std::stop_token& stop) { return time.wait(stop); };
  out.warn = [&to](const error& failure) {
    std::lock_guard guard{to.mutex};
    to.failures.push_back(failure);
  };
  return out;
}

class folder {
public:
  folder()
    : path_(std::filesystem::temp_directory_path()
            / ("cloister-shipping-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(path_);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::filesystem::remove_all(path_);
  }
  std::string operator/(const std::string& name) const {
    return path_ / name;
  }

private:
  std::filesystem::path path_;
};

std::string content_of(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file{path};
  std::vector<std::string> out;
  for (std::string line; std::getline(file, line);)
    out.push_back(line);
  return out;
}

} // namespace

TEST_CASE("a checkpoint is shipped at once, and whenever one is due",
          "[runtime][checkpoint]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  elsewhere there;
  told_time time;
  checkpoint_shipper shipper{parts_of(opened, there, time)};
  REQUIRE(eventually([&] { return there.arrived() == 1; }));
  acme.client("user_sarah")->create_memory(draft("x")).value();
  time.pass();
  REQUIRE(eventually([&] { return there.arrived() == 2; }));
  auto first = parse_audit_checkpoint(there.documents[0]).value();
  auto second = parse_audit_checkpoint(there.documents[1]).value();
  CHECK(second.chains.size() == first.chains.size() + 1);
  for (const auto& each : {first, second})
    CHECK(opened.verify_all(each).value().intact);
  CHECK(there.failed() == 0);
}

TEST_CASE(
  "what cannot be shipped is told, and tried again when the next is due",
  "[runtime][checkpoint]") {
  test_node node;
  auto opened = node.open_or_fail();
  elsewhere there;
  there.is_away = true;
  told_time time;
  checkpoint_shipper shipper{parts_of(opened, there, time)};
  REQUIRE(eventually([&] { return there.failed() == 1; }));
  CHECK(there.failures.front().detail == "nobody there");
  {
    std::lock_guard guard{there.mutex};
    there.is_away = false;
  }
  CHECK(there.arrived() == 0);
  time.pass();
  CHECK(eventually([&] { return there.arrived() == 1; }));
}

TEST_CASE("a checkpoint command gets all of a large document",
          "[runtime][checkpoint]") {
  folder here;
  std::string document(3'000'000, 'x');
  auto path = here / "kept";
  REQUIRE(give_to_command("cat >'" + path + "'", document, {30s}).has_value());
  CHECK(content_of(path) == document);
  // One that does not read it does not matter to us.
  CHECK(give_to_command("true", document, {30s}).has_value());
}

TEST_CASE("a checkpoint command that fails says how", "[runtime][checkpoint]") {
  auto ended = give_to_command("exit 7", "x", {30s});
  CHECK(ended.error().code == errc::unavailable);
  CHECK(ended.error().detail == "it ended with code 7");
  CHECK(give_to_command("kill -9 $$", "x", {30s}).error().detail
        == "it was ended by a signal");
  CHECK(give_to_command("/nowhere/at/all 2>/dev/null", "x", {30s}).has_error());
}

TEST_CASE("a checkpoint command that hangs is ended with all it started",
          "[runtime][checkpoint]") {
  folder here;
  auto path = here / "children";
  auto command = "sleep 1000 & echo $! >'" + path + "'; wait";
  auto has_begun = [&] { return !lines_of(path).empty(); };
  auto done = give_to_command(command, "x", {1h, has_begun});
  CHECK(done.error().detail == "it was not done in time, and was ended");
  auto child = std::stoi(lines_of(path).front());
  // What has nobody to wait for it is a zombie until init does.
  CHECK(eventually([&] {
    auto state = content_of("/proc/" + std::to_string(child) + "/stat");
    return state.empty() || state.find(") Z") != std::string::npos;
  }));
  CHECK(give_to_command("sleep 1000", "x", {1ms}).has_error());
}

TEST_CASE("whoever ends the shipping does not wait for a command that hangs",
          "[runtime][checkpoint]") {
  test_node node;
  auto opened = node.open_or_fail();
  elsewhere there;
  told_time time;
  auto parts = parts_of(opened, there, time);
  folder here;
  auto path = here / "begun";
  parts.ship = ship_by_command("echo >'" + path + "'; sleep 1000");
  auto started = std::chrono::steady_clock::now();
  {
    checkpoint_shipper shipper{std::move(parts)};
    REQUIRE(eventually([&] { return !lines_of(path).empty(); }));
  }
  CHECK(std::chrono::steady_clock::now() - started < 20s);
  // That is no failure of the command.
  CHECK(there.failed() == 0);
}

TEST_CASE("a runtime ships checkpoints by a command until it closes",
          "[runtime][checkpoint]") {
  folder here;
  auto path = here / "kept";
  runtime_options options{.data_dir = here / "data",
                          .master_key_file = here / "key"};
  options.checkpoint_command = "cat >>'" + path + "'";
  options.checkpoint_interval = 0ms;
  CHECK(runtime::open(options).error().code == errc::invalid_argument);
  options.checkpoint_interval = 1ms;
  {
    auto opened = runtime::open(options).value();
    REQUIRE(eventually([&] { return lines_of(path).size() >= 3; }));
  }
  auto kept = lines_of(path);
  options.checkpoint_command.reset();
  auto opened = runtime::open(options).value();
  for (const auto& line : kept)
    CHECK(opened.verify_all(parse_audit_checkpoint(line).value())->intact);
  CHECK(lines_of(path).size() == kept.size());
}
