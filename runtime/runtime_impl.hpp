// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/gateway.hpp"
#include "persistence/node_store.hpp"
#include "runtime/runtime.hpp"

namespace cloister {

/// Members are destroyed in reverse: the actors end before the store closes.
struct runtime::impl {
  persistence::node_store store;
  std::unique_ptr<actors::gateway> gateway;
};

/// For tests and benchmarks that look beneath.
struct runtime_access {
  static runtime::impl& parts(const runtime& opened) {
    return *opened.impl_;
  }
};

struct organization::impl {
  std::shared_ptr<runtime::impl> node;
  auth::authority_ptr who;
};

struct client::impl {
  std::shared_ptr<runtime::impl> node;
  auth::authority_ptr who;
  std::shared_ptr<actors::scope_binding> binding;
  std::shared_ptr<actors::scope_binding> organization;
};

/// A runtime over an opened store, for `runtime::open` and for tests that
/// bring their own file system.
result<runtime> make_runtime(persistence::node_store store,
                             actors::gateway_options options);

result<client> make_client(const std::shared_ptr<runtime::impl>& node,
                           const auth::authority_ptr& who,
                           std::string_view user_id);

key_info to_key_info(const auth::key_record& record);
scope_summary to_summary(const engine::scope_info& info);
scope_listing to_listing(const engine::scope_list& list);
audit_list to_audit_list(engine::audit_page page);
audit_verification to_verification(const engine::audit_report& report);
result<engine::list_audit> to_list_audit(const audit_options& options);

} // namespace cloister
