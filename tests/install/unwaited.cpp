// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <iostream>
#include <thread>

#include <cloister/runtime.hpp>

// Returns from main while calls are on their way and handlers still run.

int main(int, char** argv) {
  auto runtime
    = cloister::runtime::open({.data_dir = argv[1], .master_key_file = argv[2]})
        .value();
  auto sarah
    = runtime.organization("org_acme").value().client("user_sarah").value();
  std::cout << sarah.list_memories({.limit = 1000}).value().results.size()
            << std::endl;
  for (int i = 0; i < 40; ++i)
    sarah.create_memory({.content = "unwaited for"},
                        [i, sarah](const auto& made) {
                          using namespace std::chrono_literals;
                          std::this_thread::sleep_for(i % 8 * 1ms);
                          if (made.has_error())
                            std::cout << made.error().detail << std::endl;
                        });
}
