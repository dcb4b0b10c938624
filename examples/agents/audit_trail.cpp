// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Who accessed what and when, after the fact; and what is left of that when
// whom it was about asks to be forgotten.
//
// Two assistants work with Sarah's memories, and one tries what it may not. The
// trail tells. Then Sarah's scope is erased: nobody reads it any more, her name
// is gone from the trail, and the trail still proves that nothing was taken out
// of it, also against a checkpoint that was kept elsewhere.
//
//   audit_trail DATA_DIR MASTER_KEY_FILE

#include <iostream>
#include <string>

#include <cloister/runtime.hpp>

namespace {

using cloister::permissions;

/// Oldest first; times and ids differ from run to run.
void show(const std::string& title, const cloister::client& of) {
  std::cout << title << '\n';
  auto lines = of.list_audit().value().results;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    std::cout << "  " << line->principal << ' ' << line->operation << ' '
              << line->outcome << ' ' << line->scope << '\n';
}

void show(const std::string& title,
          const cloister::audit_verification& report) {
  std::cout << title << ": " << (report.intact ? "intact" : "broken") << '\n';
}

int run(const std::string& data, const std::string& master_key) {
  auto runtime
    = cloister::runtime::open({.data_dir = data, .master_key_file = master_key})
        .value();
  auto acme = runtime.organization("org_acme").value();
  auto company = acme.client().value();
  auto key_for = [&](const std::string& label, permissions allowed) {
    return acme
      .create_key(
        {.root = "user_sarah", .permissions = allowed, .label = label})
      .value();
  };
  auto planner
    = runtime.client(key_for("planner", permissions::read | permissions::write))
        .value();
  auto reader = runtime.client(key_for("reader", permissions::read)).value();

  auto made
    = planner.create_memory({.content = "Allergic to penicillin"}).value();
  reader.get_memory(made.id).value();
  reader.search_memories({.query = "allergic"}).value();
  // Refused, and remembered by the organization.
  static_cast<void>(reader.delete_memory(made.id));

  auto sarah = acme.client("user_sarah").value();
  show("What happened to Sarah's memories:", sarah);
  std::cout << "Refused:\n";
  for (const auto& line :
       company.list_audit({.outcome = "forbidden"}).value().results)
    std::cout << "  " << line.principal << ' ' << line.operation << " at "
              << line.target << '\n';

  // Kept elsewhere: only against such a one a rewritten history is caught with
  // certainty.
  auto checkpoint = runtime.make_checkpoint().value();

  auto receipt = sarah.erase_scope().value();
  std::cout << "Erased: " << receipt.scope << ", " << receipt.memories
            << " memory\n";
  auto gone = reader.get_memory(made.id);
  std::cout << "Reading it now: " << to_string(gone.error().code) << '\n';
  auto bound = acme.client("user_sarah")->list_memories();
  std::cout << "Her scope now: " << to_string(bound.error().code) << '\n';

  show("The trail", runtime.verify_all().value());
  show("Against the checkpoint", runtime.verify_all(checkpoint).value());
  bool named = false;
  for (const auto& line : company.list_audit().value().results)
    named = named || line.scope.find("sarah") != std::string::npos
            || line.target.find("sarah") != std::string::npos
            || line.child.find("sarah") != std::string::npos;
  std::cout << "The trail still names her: " << (named ? "yes" : "no") << '\n';
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: audit_trail DATA_DIR MASTER_KEY_FILE\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
