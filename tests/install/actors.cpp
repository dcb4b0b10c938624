// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <caf/all.hpp>
#include <cloister/caf.hpp>
#include <cloister/runtime.hpp>

// A program with an actor system of its own.

int main(int, char** argv) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system{config};
  auto runtime
    = cloister::runtime::open(
        {.data_dir = argv[1], .master_key_file = argv[2], .system = &system})
        .value();
  auto memories = cloister::spawn_client(
    system, runtime.organization("org_acme").value().client("agent_a").value());
  caf::scoped_actor self{system};
  self
    ->request(memories, caf::infinite,
              cloister::create_memory{{.content = "an actor was here"}})
    .receive(
      [](const cloister::memory& made) { std::cout << made.content << '\n'; },
      [](const caf::error& failure) {
        std::cout << cloister::to_error(failure).detail << '\n';
      });
  caf::anon_send_exit(memories, caf::exit_reason::user_shutdown);
}
