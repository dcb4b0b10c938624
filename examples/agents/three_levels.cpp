// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// An organization, its teams and its users: what each level remembers, and who
// sees it.
//
// A company policy is the organization's, a team fact is the team's, and a
// preference is the user's own. Whoever works for Sarah asks once and gets all
// three, from the narrowest scope to the widest; Sarah's preferences are seen
// by nobody else.
//
//   three_levels DATA_DIR MASTER_KEY_FILE

#include <iostream>
#include <string>

#include <cloister/runtime.hpp>

namespace {

using cloister::permissions;
using cloister::visibility;

void show(const std::string& title, const cloister::search_results& found) {
  std::cout << title << '\n';
  for (const auto& hit : found.results)
    std::cout << "  " << hit.where.path() << ": " << hit.memory.content << '\n';
}

int run(const std::string& data, const std::string& master_key) {
  auto runtime
    = cloister::runtime::open({.data_dir = data, .master_key_file = master_key})
        .value();
  auto acme = runtime.organization("org_acme").value();
  auto company = acme.client().value();
  auto engineering = acme.client("org_acme/team_engineering").value();
  auto sarah = acme.client("org_acme/team_engineering/user_sarah").value();
  auto tom = acme.client("org_acme/team_engineering/user_tom").value();

  company
    .create_memory({.content = "Company policy: all code is reviewed by two "
                               "people before release",
                    .memory_type = "policy"})
    .value();
  engineering
    .create_memory({.content = "The engineering team deploys code on Tuesdays",
                    .memory_type = "fact"})
    .value();
  sarah
    .create_memory({.content = "Sarah prefers code examples in Python",
                    .memory_type = "preference"})
    .value();
  tom
    .create_memory({.content = "Tom prefers code examples in Rust",
                    .memory_type = "preference"})
    .value();

  // Sarah's assistant has a key for Sarah's scope alone. It may read what her
  // team and her company remember, and write to neither.
  auto key
    = acme
        .create_key({.root = "org_acme/team_engineering/user_sarah",
                     .permissions = permissions::read | permissions::write,
                     .label = "sarah's assistant"})
        .value();
  auto assistant = runtime.client(key).value();
  show("Sarah alone:", assistant.search_memories({.query = "code"}).value());
  show(
    "Sarah, her team and her company:",
    assistant.search_memories({.query = "code", .reach = visibility::inherited})
      .value());
  auto toms = runtime.client(key, "org_acme/team_engineering/user_tom");
  std::cout << "Tom's, to Sarah's assistant: " << to_string(toms.error().code)
            << '\n';

  // The company's administrator sees everything below.
  show("Everybody:",
       company.search_memories({.query = "code", .reach = visibility::subtree})
         .value());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: three_levels DATA_DIR MASTER_KEY_FILE\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
