// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <future>
#include <iostream>

#include <cloister/runtime.hpp>

// Opens a store, remembers, finds, and hands a narrower key to somebody else.

int main(int, char** argv) {
  auto runtime
    = cloister::runtime::open({.data_dir = argv[1], .master_key_file = argv[2]})
        .value();
  auto acme = runtime.organization("org_acme").value();
  auto sarah = acme.client("user_sarah").value();
  sarah
    .create_memory(
      {.content = "Prefers dark mode", .memory_type = "preference"})
    .value();
  for (const auto& hit :
       sarah.search_memories({.query = "preferred mode"}).value().results)
    std::cout << hit.score << ' ' << hit.memory.content << '\n';

  auto key = acme
               .create_key({.root = "user_sarah",
                            .permissions = cloister::permissions::read})
               .value();
  auto reader = runtime.client(key).value();
  auto refused = reader.create_memory({.content = "x"});
  std::cout << to_string(refused.error().code) << '\n';

  std::promise<std::size_t> found;
  reader.list_memories({},
                       [&found](cloister::result<cloister::memory_list> list) {
                         found.set_value(list.value().results.size());
                       });
  std::cout << found.get_future().get() << " memory\n";
}
