// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.hpp"
#include "runtime/audit_exporter.hpp"
#include "runtime/client_impl.hpp"
#include "runtime/signing.hpp"

namespace cloister {

using auth::operation;

namespace {

/// What a key is asked to be; its root is known.
result<engine::create_key> to_create_key(const auth::authority& who,
                                         const scope& root,
                                         key_options options) {
  engine::create_key what{root,
                          auth::permission_set::from_bits(
                            static_cast<std::uint8_t>(options.permissions)),
                          options.expires_at,
                          std::move(options.label),
                          {},
                          std::nullopt};
  if (what.permissions.empty())
    return error{errc::invalid_argument, "at least one permission is needed"};
  if (options.ancestors == "none") {
    what.ancestors.which = auth::ancestor_bound::kind::none;
  } else if (options.ancestors != "all") {
    auto limit = named_scope(who, options.ancestors);
    if (limit.has_error())
      return limit.error();
    what.ancestors = {auth::ancestor_bound::kind::up_to, *limit};
  }
  if (options.promote_to) {
    auto target = named_scope(who, *options.promote_to);
    if (target.has_error())
      return target.error();
    what.promote_to = *target;
  }
  return what;
}

/// A key is named by its id, by id and narrowing as the audit trail has them,
/// or by its text.
result<engine::revoke_key> to_revoke_key(std::string_view named) {
  if (named.starts_with("cloister_")) {
    auto key = auth::parse_api_key(named);
    if (key.has_error())
      return error{errc::invalid_argument, key.error().detail};
    return engine::revoke_key{key->id, std::nullopt, std::move(*key)};
  }
  auto slash = named.find('/');
  auto id = auth::parse_key_id(named.substr(0, slash));
  if (id.has_error())
    return id.error();
  engine::revoke_key what{*id, std::nullopt, std::nullopt};
  if (slash == std::string_view::npos)
    return what;
  auto narrowing = from_hex(named.substr(slash + 1));
  if (!narrowing || narrowing->size() != crypto::short_digest{}.size())
    return error{errc::invalid_argument,
                 "not a narrowed key; `cloister audit list --json` shows them "
                 "in key_chain"};
  what.narrowing = byte_reader{*narrowing}.array<16>();
  return what;
}

} // namespace

call<new_key> client::impl::make_key(key_options options) const {
  // Below the client's scope where that has it, else as the key sees it.
  auto root = binding->name().resolve(options.root);
  if (root.has_error() && root.error().code == errc::forbidden)
    root = who->root.resolve(options.root);
  if (root.has_error())
    co_return co_await refused_name(operation::create_key, root.error());
  auto wanted = to_create_key(*who, *root, std::move(options));
  if (wanted.has_error())
    co_return wanted.error();
  engine::operation what{std::move(*wanted)};
  auto done = co_await node->gateway->perform_on_organization(
    organization, *root, who, operation::create_key, std::move(what));
  if (done.has_error())
    co_return done.error();
  auto& made = std::get<engine::created_key>(*done);
  co_return new_key{to_key_info(made.record), std::move(made.api_key)};
}

call<std::vector<key_info>> client::impl::keys() const {
  engine::operation what{engine::list_keys{}};
  auto done = co_await node->gateway->perform_on_organization(
    organization, binding->name(), who, operation::list_keys, std::move(what));
  if (done.has_error())
    co_return done.error();
  std::vector<key_info> out;
  for (const auto& record : std::get<engine::key_list>(*done).keys)
    out.push_back(to_key_info(record));
  co_return out;
}

call<key_info> client::impl::revoke(std::string key) const {
  auto named = to_revoke_key(key);
  if (named.has_error())
    co_return named.error();
  engine::operation what{std::move(*named)};
  auto done = co_await node->gateway->perform_on_organization(
    organization, binding->name(), who, operation::revoke_key, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_key_info(std::get<engine::created_key>(*done).record);
}

call<scope_listing> client::impl::scopes() const {
  engine::operation what{engine::list_scopes{limits::subtree_scopes_max}};
  auto done = co_await perform<engine::scope_list>(
    binding, operation::list_scopes, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return *done ? to_listing(**done) : scope_listing{};
}

call<scope_summary> client::impl::show() const {
  engine::operation what{engine::show_scope{}};
  auto done = co_await perform<engine::scope_info>(
    binding, operation::show_scope, std::move(what));
  if (done.has_error())
    co_return done.error();
  if (!*done)
    co_return error{errc::not_found,
                    "nothing was ever written to this scope; `cloister scope "
                    "list` has those there are"};
  co_return to_summary(**done);
}

call<quota> client::impl::configure(quota_changes changes) const {
  engine::operation what{engine::configure_scope{changes}};
  auto done = co_await perform<persistence::organization_settings>(
    binding, operation::configure_scope, std::move(what));
  if (done.has_error())
    co_return done.error();
  if (!*done)
    co_return error{errc::not_found, "there is no such session; `cloister "
                                     "session list` has those there are"};
  co_return (*done)->limits;
}

call<audit_list> client::impl::audit(audit_options options) const {
  auto wanted = to_list_audit(options);
  if (wanted.has_error())
    co_return wanted.error();
  engine::operation what{std::move(*wanted)};
  auto done = co_await perform<engine::audit_page>(
    binding, operation::list_audit, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return *done ? to_audit_list(std::move(**done)) : audit_list{};
}

call<audit_checkpoint> client::impl::checkpoint() const {
  engine::operation what{engine::list_chain_heads{}};
  auto done = co_await perform<engine::chain_heads>(
    binding, operation::sign_checkpoint, std::move(what));
  if (done.has_error())
    co_return done.error();
  if (!*done)
    co_return error{errc::not_found, "nothing was ever written to this scope"};
  co_return node->signed_checkpoint(**done);
}

call<engine::exported_page>
client::impl::exported(engine::export_chain wanted) const {
  engine::operation what{wanted};
  auto done = co_await perform<engine::exported_page>(
    binding, operation::export_audit, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return *done ? std::move(**done) : engine::exported_page{};
}

call<audit_export_summary>
client::impl::export_audit(audit_line_sink sink) const {
  auto until = co_await checkpoint();
  if (until.has_error())
    co_return until.error();
  audit_exporter exporter{std::move(sink), std::move(*until)};
  audit_exporter::reader ask
    = [this](engine::export_chain wanted) { return exported(wanted); };
  for (const auto& chain : exporter.until().chains) {
    auto tag = from_hex(chain.tag).value();
    auto done = co_await exporter.write(ask, byte_reader{tag}.array<16>(),
                                        chain.length);
    if (done.has_error())
      co_return done.error();
  }
  co_return co_await exporter.finish(node->signing_seed());
}

call<audit_verification>
client::impl::verify(std::optional<audit_checkpoint> against) const {
  auto expected = node->expected_heads(against);
  if (expected.has_error())
    co_return expected.error();
  if (against) {
    auto own = co_await show();
    if (own.has_error())
      co_return own.error();
    if (own->tag != against->root)
      co_return error{errc::invalid_argument,
                      "the checkpoint is of another scope; verify that, or "
                      "give one of this scope"};
  }
  engine::operation what{engine::verify_audit{std::move(*expected)}};
  auto done = co_await perform<engine::audit_report>(
    binding, operation::verify_audit, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_verification(*done ? **done : engine::audit_report{}, against);
}

} // namespace cloister
