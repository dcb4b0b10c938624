// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/client.hpp"

#include "runtime/client_impl.hpp"

// Each call twice: waited for, and started.

namespace cloister {

client::client(std::shared_ptr<const impl> parts) : impl_(std::move(parts)) {}

const scope& client::bound_to() const {
  return impl_->binding->name();
}

std::optional<std::string> client::scope_tag() const {
  auto found
    = impl_->node->gateway->services().catalog.find(impl_->binding->name());
  if (found.has_error() || !found->exact)
    return std::nullopt;
  return to_hex(view_of(found->exact->tag));
}

permissions client::allowed() const {
  return static_cast<permissions>(impl_->who->permissions.bits());
}

std::optional<error> client::ended() const {
  auto now = impl_->node->gateway->services().time->now();
  auto may = auth::decide(impl_->who, auth::operation::bind_client,
                          impl_->who->root, now, {});
  if (may || may.error().code != errc::unauthenticated)
    return std::nullopt;
  return may.error();
}

void client::refuse(std::string_view operation, error why,
                    completion_handler<void> done) const {
  start(impl_, impl_->node, impl_->refused(std::string{operation}, why),
        std::move(done));
}

client client::with_request_id(
  const std::array<std::uint8_t, 16>& id,
  std::shared_ptr<const completion_executor> where) const {
  auto who = std::make_shared<auth::authority>(*impl_->who);
  who->request = id;
  return client{std::make_shared<const impl>(
    impl{impl_->node, std::move(who), impl_->binding, impl_->organization,
         std::move(where)})};
}

result<memory> client::create_memory(memory_draft draft) const {
  return wait(impl_->create(std::move(draft)));
}

void client::create_memory(memory_draft draft,
                           completion_handler<memory> done) const {
  start(impl_, impl_->node, impl_->create(std::move(draft)), std::move(done));
}

result<std::vector<memory>>
client::create_memories(std::vector<memory_draft> drafts) const {
  return wait(impl_->create_all(std::move(drafts)));
}

void client::create_memories(
  std::vector<memory_draft> drafts,
  completion_handler<std::vector<memory>> done) const {
  start(impl_, impl_->node, impl_->create_all(std::move(drafts)),
        std::move(done));
}

result<std::size_t>
client::import_memories(std::vector<memory_draft> drafts) const {
  return wait(impl_->import(std::move(drafts)));
}

void client::import_memories(std::vector<memory_draft> drafts,
                             completion_handler<std::size_t> done) const {
  start(impl_, impl_->node, impl_->import(std::move(drafts)), std::move(done));
}

result<memory> client::get_memory(const memory_id& id) const {
  return wait(impl_->get(id));
}

void client::get_memory(const memory_id& id,
                        completion_handler<memory> done) const {
  start(impl_, impl_->node, impl_->get(id), std::move(done));
}

result<memory_list> client::list_memories(list_options options) const {
  return wait(impl_->list(std::move(options)));
}

void client::list_memories(list_options options,
                           completion_handler<memory_list> done) const {
  start(impl_, impl_->node, impl_->list(std::move(options)), std::move(done));
}

result<search_results> client::search_memories(search_options options) const {
  return wait(impl_->search(std::move(options)));
}

void client::search_memories(search_options options,
                             completion_handler<search_results> done) const {
  start(impl_, impl_->node, impl_->search(std::move(options)), std::move(done));
}

result<memory>
client::update_memory(const memory_id& id, memory_patch patch,
                      std::optional<std::uint32_t> if_revision) const {
  return wait(impl_->update(id, std::move(patch), if_revision));
}

void client::update_memory(const memory_id& id, memory_patch patch,
                           std::optional<std::uint32_t> if_revision,
                           completion_handler<memory> done) const {
  start(impl_, impl_->node, impl_->update(id, std::move(patch), if_revision),
        std::move(done));
}

result<void>
client::delete_memory(const memory_id& id,
                      std::optional<std::uint32_t> if_revision) const {
  return wait(impl_->remove(id, if_revision));
}

void client::delete_memory(const memory_id& id,
                           std::optional<std::uint32_t> if_revision,
                           completion_handler<void> done) const {
  start(impl_, impl_->node, impl_->remove(id, if_revision), std::move(done));
}

result<std::uint64_t> client::delete_all_memories() const {
  return wait(impl_->remove_all());
}

void client::delete_all_memories(completion_handler<std::uint64_t> done) const {
  start(impl_, impl_->node, impl_->remove_all(), std::move(done));
}

result<std::vector<memory>> client::memory_history(const memory_id& id) const {
  return wait(impl_->history(id));
}

void client::memory_history(
  const memory_id& id, completion_handler<std::vector<memory>> done) const {
  start(impl_, impl_->node, impl_->history(id), std::move(done));
}

result<memory> client::restore_memory(const memory_id& id,
                                      std::uint32_t revision) const {
  return wait(impl_->restore(id, revision));
}

void client::restore_memory(const memory_id& id, std::uint32_t revision,
                            completion_handler<memory> done) const {
  start(impl_, impl_->node, impl_->restore(id, revision), std::move(done));
}

result<located_memory> client::share_memory(const memory_id& id,
                                            std::string_view to) const {
  return wait(impl_->share(id, std::string{to}));
}

void client::share_memory(const memory_id& id, std::string_view to,
                          completion_handler<located_memory> done) const {
  start(impl_, impl_->node, impl_->share(id, std::string{to}), std::move(done));
}

result<session> client::open_session(session_options options) const {
  return wait(impl_->open_session(options));
}

void client::open_session(session_options options,
                          completion_handler<session> done) const {
  start(impl_, impl_->node, impl_->open_session(options), std::move(done));
}

result<std::vector<session_info>> client::list_sessions() const {
  return wait(impl_->sessions());
}

void client::list_sessions(
  completion_handler<std::vector<session_info>> done) const {
  start(impl_, impl_->node, impl_->sessions(), std::move(done));
}

result<session_info> client::renew_session(std::string_view name) const {
  return wait(impl_->renew(std::string{name}));
}

void client::renew_session(std::string_view name,
                           completion_handler<session_info> done) const {
  start(impl_, impl_->node, impl_->renew(std::string{name}), std::move(done));
}

result<erasure_receipt> client::end_session(std::string_view name) const {
  return wait(impl_->end(std::string{name}));
}

void client::end_session(std::string_view name,
                         completion_handler<erasure_receipt> done) const {
  start(impl_, impl_->node, impl_->end(std::string{name}), std::move(done));
}

result<std::vector<located_memory>>
client::promote_memories(std::vector<memory_id> ids,
                         std::string_view to) const {
  return wait(impl_->promote(std::move(ids), std::string{to}));
}

void client::promote_memories(
  std::vector<memory_id> ids, std::string_view to,
  completion_handler<std::vector<located_memory>> done) const {
  start(impl_, impl_->node, impl_->promote(std::move(ids), std::string{to}),
        std::move(done));
}

result<new_key> client::create_key(key_options options) const {
  return wait(impl_->make_key(std::move(options)));
}

void client::create_key(key_options options,
                        completion_handler<new_key> done) const {
  start(impl_, impl_->node, impl_->make_key(std::move(options)),
        std::move(done));
}

result<std::vector<key_info>> client::list_keys() const {
  return wait(impl_->keys());
}

void client::list_keys(completion_handler<std::vector<key_info>> done) const {
  start(impl_, impl_->node, impl_->keys(), std::move(done));
}

result<key_info> client::revoke_key(std::string_view key) const {
  return wait(impl_->revoke(std::string{key}));
}

void client::revoke_key(std::string_view key,
                        completion_handler<key_info> done) const {
  start(impl_, impl_->node, impl_->revoke(std::string{key}), std::move(done));
}

result<quota> client::configure_scope(quota_changes changes) const {
  return wait(impl_->configure(changes));
}

void client::configure_scope(quota_changes changes,
                             completion_handler<quota> done) const {
  start(impl_, impl_->node, impl_->configure(changes), std::move(done));
}

result<scope_listing> client::list_scopes() const {
  return wait(impl_->scopes());
}

void client::list_scopes(completion_handler<scope_listing> done) const {
  start(impl_, impl_->node, impl_->scopes(), std::move(done));
}

result<scope_summary> client::show_scope() const {
  return wait(impl_->show());
}

void client::show_scope(completion_handler<scope_summary> done) const {
  start(impl_, impl_->node, impl_->show(), std::move(done));
}

result<erasure_receipt> client::erase_scope(erase_options options) const {
  return wait(impl_->erase(options));
}

void client::erase_scope(completion_handler<erasure_receipt> done) const {
  erase_scope({}, std::move(done));
}

void client::erase_scope(erase_options options,
                         completion_handler<erasure_receipt> done) const {
  start(impl_, impl_->node, impl_->erase(options), std::move(done));
}

result<erasure_receipt> client::find_receipt(std::string_view name) const {
  return wait(impl_->receipt_of(std::string{name}));
}

void client::find_receipt(std::string_view name,
                          completion_handler<erasure_receipt> done) const {
  start(impl_, impl_->node, impl_->receipt_of(std::string{name}),
        std::move(done));
}

result<void> client::reinstate_scope() const {
  return wait(
    impl_->node->gateway->reinstate(impl_->who, impl_->binding->name()));
}

void client::reinstate_scope(completion_handler<void> done) const {
  start(impl_, impl_->node,
        impl_->node->gateway->reinstate(impl_->who, impl_->binding->name()),
        std::move(done));
}

result<audit_list> client::list_audit(audit_options options) const {
  return wait(impl_->audit(std::move(options)));
}

void client::list_audit(audit_options options,
                        completion_handler<audit_list> done) const {
  start(impl_, impl_->node, impl_->audit(std::move(options)), std::move(done));
}

result<audit_export_summary> client::export_audit(audit_line_sink sink) const {
  return wait(impl_->export_audit(std::move(sink)));
}

void client::export_audit(audit_line_sink sink,
                          completion_handler<audit_export_summary> done) const {
  start(impl_, impl_->node, impl_->export_audit(std::move(sink)),
        std::move(done));
}

result<audit_checkpoint> client::make_checkpoint() const {
  return wait(impl_->checkpoint());
}

void client::make_checkpoint(completion_handler<audit_checkpoint> done) const {
  start(impl_, impl_->node, impl_->checkpoint(), std::move(done));
}

result<audit_verification>
client::verify_audit(const std::optional<audit_checkpoint>& against) const {
  return wait(impl_->verify(against));
}

void client::verify_audit(completion_handler<audit_verification> done) const {
  start(impl_, impl_->node, impl_->verify({}), std::move(done));
}

} // namespace cloister
