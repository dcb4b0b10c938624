// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Works on a store until it is killed, and tells on standard output what was
// acknowledged, one line each, as soon as it was. `check` reads such lines and
// verifies that the store agrees.
//
//   kill_worker work DIR      kill_worker check DIR < lines

#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include <csignal>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/runtime.hpp"

using namespace cloister;

namespace {

constexpr int threads = 8;

std::string user_of(int thread) {
  return "user_" + std::to_string(thread);
}

/// One write call per line: a killed process leaves no half line in a pipe.
void tell(const std::string& line) {
  auto text = line + '\n';
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0)
    std::_Exit(2);
}

/// Every other one is left open, for a start to end.
void use_session(const client& who, bool leave) {
  auto run = who.open_session();
  if (run.has_error())
    return;
  static_cast<void>((*run)->create_memory({.content = "scratch"}));
  if (leave)
    run->detach();
}

void work_on(const client& who, int thread) {
  for (int i = 0;; ++i) {
    auto content = "process " + std::to_string(::getpid()) + " thread "
                   + std::to_string(thread) + " number " + std::to_string(i);
    auto made = who.create_memory({.content = content});
    if (made.has_error())
      continue;
    auto id = made->id.to_string();
    tell("have " + std::to_string(thread) + ' ' + id + ' ' + content);
    static_cast<void>(who.get_memory(made->id));
    if (i % 4 == 0)
      use_session(who, i % 8 == 0);
    if (i % 3 == 1) {
      memory_patch patch;
      patch.content = content + " changed";
      tell("changing " + std::to_string(thread) + ' ' + id);
      if (who.update_memory(made->id, patch))
        tell("have " + std::to_string(thread) + ' ' + id + ' '
             + *patch.content);
    }
    if (i % 3 == 2) {
      tell("changing " + std::to_string(thread) + ' ' + id);
      if (who.delete_memory(made->id))
        tell("gone " + std::to_string(thread) + ' ' + id);
    }
  }
}

int work(const std::string& dir) {
  auto opened = runtime::open({.data_dir = dir});
  if (opened.has_error()) {
    std::cerr << opened.error().detail << '\n';
    return 1;
  }
  auto acme = opened->organization("org_acme").value();
  tell("open");
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back(
      [&acme, t] { work_on(acme.client(user_of(t)).value(), t); });
  for (auto& worker : workers)
    worker.join();
  return 0;
}

/// What the lines say must be, per memory; nothing where it was being changed
/// when the process died.
struct expectation {
  int thread = 0;
  std::set<std::string> contents;
  bool may_be_gone = false;
};

std::map<std::string, expectation> read_lines() {
  std::map<std::string, expectation> out;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in{line};
    std::string verb;
    std::string id;
    int thread = 0;
    in >> verb >> thread >> id;
    if (id.empty())
      continue;
    auto& known = out[id];
    known.thread = thread;
    std::string content;
    std::getline(in, content);
    if (verb == "have") {
      known.contents = {content.substr(1)};
      known.may_be_gone = false;
    } else if (verb == "changing") {
      auto old = *known.contents.begin();
      known.contents.insert(old + " changed");
      known.may_be_gone = true;
    } else if (verb == "gone") {
      known.contents.clear();
      known.may_be_gone = true;
    }
  }
  return out;
}

int check(const std::string& dir) {
  auto opened = runtime::open({.data_dir = dir});
  if (opened.has_error()) {
    std::cerr << "does not start: " << opened.error().detail << '\n';
    return 1;
  }
  auto acme = opened->organization("org_acme").value();
  int wrong = 0;
  auto expected = read_lines();
  for (const auto& [id, known] : expected) {
    auto found = acme.client(user_of(known.thread))
                   ->get_memory(memory_id::parse(id).value());
    auto fine = found
                  ? known.contents.contains(found->content)
                  : known.may_be_gone && found.error().code == errc::not_found;
    if (!fine) {
      ++wrong;
      std::cerr << "wrong: " << id << '\n';
    }
  }
  auto left = acme.client("")->list_sessions().value();
  if (!left.empty()) {
    ++wrong;
    std::cerr << left.size() << " sessions are still open\n";
  }
  auto report = opened->verify_all().value();
  if (!report.intact) {
    ++wrong;
    std::cerr << "chain broken: " << report.first_broken << ' ' << report.reason
              << '\n';
  }
  std::cerr << expected.size() << " memories checked, " << report.entries
            << " audit entries verified, " << wrong << " wrong\n";
  return wrong == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3)
    return 2;
  // It works for ever: not without whoever started it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return std::string_view{argv[1]} == "work" ? work(argv[2]) : check(argv[2]);
}
