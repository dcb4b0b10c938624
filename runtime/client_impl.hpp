// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "runtime/list_cursor.hpp"
#include "runtime/runtime_impl.hpp"
#include "runtime/session.hpp"

namespace cloister {

/// What a client is bound to, and what it does: each operation once, as a task
/// that `client` waits for or starts. Must outlive its tasks.
struct client::impl {
  std::shared_ptr<runtime::impl> node;
  auth::authority_ptr who;
  std::shared_ptr<actors::scope_binding> binding;
  std::shared_ptr<actors::scope_binding> organization;
  /// Where handlers run; none for the runtime's own threads.
  std::shared_ptr<const completion_executor> executor = {};

  // -- memories (memory_calls.cpp) --
  call<memory> create(memory_draft draft) const;
  call<std::vector<memory>> create_all(std::vector<memory_draft> drafts) const;
  call<std::size_t> import(std::vector<memory_draft> drafts) const;
  call<memory> get(memory_id id) const;
  call<memory> update(memory_id id, memory_patch patch,
                      std::optional<std::uint32_t> if_revision) const;
  call<void> remove(memory_id id,
                    std::optional<std::uint32_t> if_revision) const;
  call<std::uint64_t> remove_all() const;
  call<std::vector<memory>> history(memory_id id) const;
  call<memory> restore(memory_id id, std::uint32_t revision) const;
  call<located_memory> share(memory_id id, std::string to) const;

  // -- sessions (session_calls.cpp) --
  call<session> open_session(session_options options) const;
  call<erasure_receipt> end(std::string name) const;
  call<session_info> renew(std::string name) const;
  call<std::vector<session_info>> sessions() const;
  call<std::vector<located_memory>> promote(std::vector<memory_id> ids,
                                            std::string to) const;
  /// A session below this scope, or this one if the name is empty.
  result<scope> session_named(std::string_view name) const;

  // -- lists and searches (reading_calls.cpp) --
  call<memory_list> list(list_options options) const;
  call<search_results> search(search_options options) const;

  // -- keys, scopes and audit (admin_calls.cpp) --
  call<new_key> make_key(key_options options) const;
  call<std::vector<key_info>> keys() const;
  call<key_info> revoke(std::string key_id) const;
  call<scope_listing> scopes() const;
  call<scope_summary> show() const;
  call<quota> configure(quota_changes changes) const;
  // (receipt_calls.cpp)
  call<erasure_receipt> erase(erase_options options) const;
  call<erasure_receipt> receipt_of(std::string name) const;
  call<audit_list> audit(audit_options options) const;
  call<audit_checkpoint> checkpoint() const;
  call<audit_export_summary> export_audit(audit_line_sink sink) const;
  call<engine::exported_page> exported(engine::export_chain wanted) const;
  call<audit_verification>
  verify(std::optional<audit_checkpoint> against) const;

  // -- shared by them (client_impl.cpp) --

  /// The answer of one kind, or nothing where the scope does not exist.
  template <class T>
  call<std::optional<T>> perform(std::shared_ptr<actors::scope_binding> where,
                                 auth::operation kind, engine::operation what,
                                 actors::counted how
                                 = actors::counted::call) const {
    auto done = co_await node->gateway->perform(
      where, who, kind, std::move(what), limits::request_timeout_default, how);
    if (done.has_error())
      co_return done.error();
    if (auto answer = std::get_if<engine::answer>(&*done))
      co_return std::optional<T>{std::move(std::get<T>(*answer))};
    co_return std::optional<T>{};
  }

  /// The same where a missing scope is an error.
  template <class T>
  call<T> perform_existing(auth::operation kind, engine::operation what,
                           actors::counted how = actors::counted::call) const {
    auto done = co_await perform<T>(binding, kind, std::move(what), how);
    if (done.has_error())
      co_return done.error();
    if (!*done)
      co_return engine::no_such_memory();
    co_return std::move(**done);
  }

  /// For `client::refuse`.
  call<void> refused(std::string what, error why) const;
  /// A refusal by name alone is one like any other: the trail tells of it.
  actors::task<error> refused_name(auth::operation kind, error why) const;
  // -- events and where memories are (event_stream.cpp) --
  call<std::vector<scope>> found_scopes() const;
  call<std::vector<scope>> holders_of(memory_id id) const;

  /// The scopes that a list or search covers.
  call<bindings> covered(auth::operation kind, visibility reach,
                         std::vector<std::string> names,
                         std::vector<scope> found) const;
  call<bindings> explicit_scopes(auth::operation kind,
                                 std::vector<std::string> names) const;
  call<bindings> subtree() const;
  /// Scopes below that were listed, by their names' order.
  static result<std::vector<scope>> listed_names(const engine::scope_list& of);
};

/// Starts a call of a client, whose handler is run where the client has it.
template <class T>
void start(const std::shared_ptr<const client::impl>& self,
           const std::shared_ptr<runtime::impl>& node, call<T> work,
           completion_handler<T> done) {
  start(std::shared_ptr<const void>{self}, node, std::move(work),
        std::move(done), self->executor);
}

std::shared_ptr<actors::scope_binding> bind(const scope& name);

/// The scope that a name means: a full path, or a user_id below the root.
result<scope> named_scope(const auth::authority& who, std::string_view name);

/// Where a scope is named, nothing must not mean the root.
result<void> check_named(std::string_view name);

} // namespace cloister
