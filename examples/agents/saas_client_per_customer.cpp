// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// A software-as-a-service application that remembers things for its customers.
//
// The application opens one organization and makes a key for each customer. A
// request is served with the customer's own client: it cannot reach anybody
// else's memories, whatever the request says.
//
//   saas_client_per_customer DATA_DIR MASTER_KEY_FILE

#include <iostream>
#include <map>
#include <string>

#include <cloister/runtime.hpp>

namespace {

using cloister::permissions;

/// What the application keeps in its own database: a key for each customer.
class customers {
public:
  customers(cloister::runtime runtime, cloister::organization organization)
    : runtime_(std::move(runtime)), organization_(std::move(organization)) {}

  /// Signing up: the customer gets a scope of its own, and a key to it.
  void sign_up(const std::string& customer) {
    auto key = organization_.create_key(
      {.root = "customer_" + customer,
       .permissions = permissions::read | permissions::write,
       .label = customer});
    keys_[customer] = key.value().api_key;
  }

  /// A request comes in with a key; what it says is not believed.
  cloister::result<cloister::client>
  serve(const std::string& customer, std::string_view user_id = {}) const {
    return runtime_.client(keys_.at(customer), user_id);
  }

private:
  cloister::runtime runtime_;
  cloister::organization organization_;
  std::map<std::string, std::string> keys_;
};

void show(const std::string& customer, const cloister::search_results& found) {
  std::cout << customer << " finds " << found.results.size() << ":\n";
  for (const auto& hit : found.results)
    std::cout << "  " << hit.memory.content << '\n';
}

int run(const std::string& data, const std::string& master_key) {
  auto runtime
    = cloister::runtime::open({.data_dir = data, .master_key_file = master_key})
        .value();
  customers app{runtime, runtime.organization("org_helpdesk").value()};
  app.sign_up("globex");
  app.sign_up("initech");

  auto globex = app.serve("globex").value();
  globex.create_memory({.content = "Invoices go to the Springfield office"})
    .value();
  globex.create_memory({.content = "The contract is renewed every January"})
    .value();
  auto initech = app.serve("initech").value();
  initech.create_memory({.content = "Invoices are paid after thirty days"})
    .value();

  // The same question, two customers, two answers.
  show("globex", globex.search_memories({.query = "invoices"}).value());
  show("initech", initech.search_memories({.query = "invoices"}).value());

  // A request that names somebody else's scope is refused before anything is
  // looked up, and the refusal is in the audit trail.
  auto stolen = app.serve("initech", "org_helpdesk/customer_globex");
  std::cout << "initech asks for globex: " << to_string(stolen.error().code)
            << '\n';

  // The operator sees who did what.
  auto trail = runtime.organization("org_helpdesk")
                 .value()
                 .client()
                 .value()
                 .list_audit({.outcome = "forbidden"});
  for (const auto& entry : trail.value().results)
    std::cout << "audit: " << entry.principal << ' ' << entry.operation << ' '
              << entry.outcome << '\n';
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: saas_client_per_customer DATA_DIR MASTER_KEY_FILE\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
