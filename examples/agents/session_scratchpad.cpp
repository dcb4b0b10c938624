// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// An agent works on one task with a scratchpad that vanishes.
//
// The session's notes have a key that is in memory only. What turns out to be
// worth it is promoted to the agent's own memories; the rest is gone with the
// session, and a receipt says so. A helper of the agent gets a key for this one
// session, made without asking anybody.
//
//   session_scratchpad DATA_DIR MASTER_KEY_FILE

#include <future>
#include <iostream>
#include <memory>
#include <string>

#include <cloister/runtime.hpp>

namespace {

using namespace std::chrono_literals;
using cloister::permissions;

void show(const std::string& whose, const cloister::client& of) {
  std::cout << whose << '\n';
  for (const auto& hit :
       of.list_memories({.oldest_first = true}).value().results)
    std::cout << "  " << hit.memory.content << '\n';
}

/// Knows nothing but its key, and cannot end what it is a guest of.
void help(const cloister::runtime& runtime, const std::string& key) {
  auto session = runtime.client(key).value();
  session.create_memory({.content = "The cheapest seat is 14C"}).value();
  std::cout << "The helper may end the session: "
            << to_string(session.end_session().error().code) << '\n';
}

int run(const std::string& data, const std::string& master_key) {
  auto runtime
    = cloister::runtime::open({.data_dir = data, .master_key_file = master_key})
        .value();
  auto acme = runtime.organization("org_acme").value();
  auto key = acme
               .create_key({.root = "agent_travel",
                            .permissions = permissions::all,
                            .label = "travel agent"})
               .value();
  auto agent = runtime.client(key).value();

  auto session
    = agent.open_session({.idle_timeout = 10min, .absolute_timeout = 1h})
        .value();
  // Called by a thread of the runtime, however the session ends.
  auto ended = std::make_shared<std::promise<std::string>>();
  session.on_end(
    [ended](const std::string& reason) { ended->set_value(reason); });
  session->create_memory({.content = "The user wants to be in Oslo on Friday"})
    .value();
  auto learned
    = session->create_memory({.content = "The user always sits at the aisle"})
        .value();

  auto for_helper
    = cloister::narrow_key(
        key.api_key, {.scope = std::string{session.scope().path()},
                      .permissions = permissions::read | permissions::write,
                      .expires_at = cloister::system_clock()->now() + 10min})
        .value();
  help(runtime, for_helper);

  show("In the session:", session.memories());
  show("The agent's own:", agent);

  session.promote({learned.id}).value();
  auto receipt = session.close().value();
  std::cout << "The session has ended: " << ended->get_future().get() << '\n';
  std::cout << "Gone with the session: " << receipt.memories << " memories\n";
  std::cout << "The receipt is genuine: "
            << verify_receipt(receipt, runtime.receipt_key()).has_value()
            << '\n';

  show("The agent's own:", agent);
  auto late = session->list_memories();
  std::cout << "The session, later: " << to_string(late.error().code) << '\n';
  std::cout << "The helper's key, later: "
            << to_string(
                 runtime.client(for_helper)->list_memories().error().code)
            << '\n';
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: session_scratchpad DATA_DIR MASTER_KEY_FILE\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
