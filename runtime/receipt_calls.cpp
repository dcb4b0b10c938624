// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Erasures, and the receipts of what has ended, whenever that was.

#include "core/encoding.hpp"
#include "runtime/client_impl.hpp"
#include "runtime/signing.hpp"

namespace cloister {

using auth::operation;

erasure_receipt signed_receipt(const runtime::impl& node, const scope& name,
                               const engine::told_erasure& told) {
  const auto& what = told.what;
  erasure_receipt receipt;
  receipt.scope = name.path();
  receipt.tag = to_hex(view_of(what.tag));
  receipt.incarnation = what.incarnation;
  receipt.erased_at = what.at;
  receipt.scopes = what.scopes;
  receipt.memories = what.memories;
  receipt.unreadable = what.unreadable;
  receipt.copies = what.copies.left;
  receipt.copies_erased = what.copies.erased;
  receipt.reason = what.reason;
  receipt.principal = told.principal;
  receipt.key_id = told.key_id;
  receipt.audit_chain = to_hex(view_of(what.chain));
  receipt.audit_index = what.index;
  receipt.audit_head = to_hex(view_of(what.head));
  sign(receipt, node.signing_seed());
  return receipt;
}

erasure_receipt signed_receipt(const runtime::impl& node,
                               const auth::authority& who, const scope& name,
                               const engine::erased_child& what) {
  auto by_key = who.kind == auth::principal_kind::key;
  return signed_receipt(
    node, name, {what, who.name, by_key ? auth::to_string(who.id) : ""});
}

call<erasure_receipt> client::impl::erase(erase_options options) const {
  auto done = co_await node->gateway->erase(who, binding->name(),
                                            options.with_shared_copies
                                              ? actors::shared_copies::erase
                                              : actors::shared_copies::count);
  if (done.has_error())
    co_return done.error();
  co_return signed_receipt(*node, *who, binding->name(), *done);
}

call<erasure_receipt> client::impl::receipt_of(std::string name) const {
  auto target = session_named(name);
  if (target.has_error())
    co_return co_await refused_name(operation::sign_receipt, target.error());
  auto finding = node->gateway->find_erasure(who, *target);
  auto told = co_await finding;
  if (told.has_error())
    co_return told.error();
  co_return signed_receipt(*node, *target, *told);
}

call<erasure_receipt>
runtime::impl::organization_receipt(std::shared_ptr<impl> self,
                                    std::string name) {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    co_return parsed.error();
  engine::node_operation what{engine::find_organization_erasure{*parsed}};
  auto told = co_await self->gateway->perform_on_node(std::move(what));
  if (told.has_error())
    co_return told.error();
  co_return signed_receipt(*self, *parsed,
                           std::get<engine::told_erasure>(*told));
}

result<erasure_receipt>
runtime::find_organization_receipt(std::string_view name) const {
  return impl::wait_unsealed<erasure_receipt>(impl_, [&] {
    return impl::organization_receipt(impl_, std::string{name});
  });
}

void runtime::find_organization_receipt(
  std::string_view name, completion_handler<erasure_receipt> done) const {
  impl::start_unsealed<erasure_receipt>(
    impl_, [&] { return impl::organization_receipt(impl_, std::string{name}); },
    std::move(done));
}

} // namespace cloister
