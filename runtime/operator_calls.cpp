// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <map>

#include "core/encoding.hpp"
#include "runtime/audit_exporter.hpp"
#include "runtime/client_impl.hpp"
#include "runtime/signing.hpp"

namespace cloister {

result<scope> parse_organization(std::string_view name) {
  auto parsed = scope::parse(name);
  if (parsed.has_error())
    return parsed.error();
  if (parsed->kind() != scope_kind::org)
    return error{errc::invalid_argument,
                 "an organization is one segment, e.g. org_acme"};
  return parsed;
}

namespace {

error exists_already(const std::string& name) {
  return {errc::conflict, name
                            + " exists already; for a new key of it, without "
                              "an API key: `cloister key create --scope "
                            + name + " --permissions all`"};
}

} // namespace

call<cloister::organization>
runtime::impl::open_organization(std::shared_ptr<impl> self, std::string name,
                                 opening how) {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    co_return parsed.error();
  engine::node_operation what{engine::create_organization{*parsed, how}};
  auto made = co_await self->gateway->perform_on_node(std::move(what));
  if (made.has_error())
    co_return made.error();
  co_return cloister::organization{
    std::make_shared<const cloister::organization::impl>(
      cloister::organization::impl{self, auth::operator_authority(*parsed),
                                   bind(*parsed)})};
}

call<new_key> runtime::impl::make_organization(std::shared_ptr<impl> self,
                                               std::string name) {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    co_return parsed.error();
  engine::node_operation what{engine::create_organization{*parsed}};
  auto made = co_await self->gateway->perform_on_node(std::move(what));
  if (made.has_error() && made.error().code == errc::conflict)
    co_return exists_already(name);
  if (made.has_error())
    co_return made.error();
  auto handle = std::make_shared<const cloister::organization::impl>(
    cloister::organization::impl{self, auth::operator_authority(*parsed),
                                 bind(*parsed)});
  key_options options;
  options.label = "admin";
  co_return co_await make_key(handle, std::move(options));
}

call<client> runtime::impl::open_client(std::shared_ptr<impl> self,
                                        std::string api_key,
                                        std::string user_id) {
  auto who = co_await self->gateway->authenticate(std::move(api_key));
  if (who.has_error())
    co_return who.error();
  co_return co_await bind_client(self, *who, std::move(user_id));
}

call<scope_listing> runtime::impl::organizations() {
  engine::node_operation what{engine::list_organizations{}};
  auto done = co_await gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_listing(std::get<engine::scope_list>(*done));
}

call<audit_list> runtime::impl::node_audit(audit_options options) {
  auto wanted = to_list_audit(options);
  if (wanted.has_error())
    co_return wanted.error();
  engine::node_operation what{engine::list_node_audit{std::move(*wanted)}};
  auto done = co_await gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_audit_list(std::move(std::get<engine::audit_page>(*done)));
}

call<audit_checkpoint> runtime::impl::checkpoint() {
  engine::node_operation what{engine::list_node_heads{}};
  auto done = co_await gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return signed_checkpoint(std::get<engine::chain_heads>(*done));
}

call<audit_verification>
runtime::impl::verify(std::optional<audit_checkpoint> against) {
  auto expected = expected_heads(against);
  if (expected.has_error())
    co_return expected.error();
  auto node_tag = persistence::node_identity::tag_of_node();
  if (against && against->root != to_hex(view_of(node_tag)))
    co_return error{
      errc::invalid_argument,
      "the checkpoint is of one scope; verify that scope with it"};
  engine::node_operation what{engine::verify_node_audit{std::move(*expected)}};
  auto done = co_await gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_verification(std::get<engine::audit_report>(*done), against);
}

call<engine::exported_page>
runtime::impl::exported(engine::export_chain wanted) {
  engine::node_operation what{engine::export_node_chain{wanted}};
  auto done = co_await gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return std::get<engine::exported_page>(*done);
}

/// The node's chain, then each organization's with all below.
call<audit_export_summary>
runtime::impl::export_audit(std::shared_ptr<impl> self, audit_line_sink sink) {
  auto until = co_await self->checkpoint();
  if (until.has_error())
    co_return until.error();
  std::map<std::string, std::uint64_t> lengths;
  for (const auto& chain : until->chains)
    lengths[chain.tag] = chain.length;
  auto root = until->root;
  audit_exporter exporter{std::move(sink), std::move(*until)};
  audit_exporter::reader ask_node
    = [self](engine::export_chain wanted) { return self->exported(wanted); };
  auto done = co_await exporter.write(
    ask_node, persistence::node_identity::tag_of_node(), lengths[root]);
  if (done.has_error())
    co_return done.error();
  auto organizations = co_await self->organizations();
  if (organizations.has_error())
    co_return organizations.error();
  for (const auto& each : organizations->scopes) {
    client::impl bound{self, auth::operator_authority(each.name),
                       std::make_shared<actors::scope_binding>(each.name)};
    auto below = co_await bound.checkpoint();
    if (below.has_error())
      co_return below.error();
    audit_exporter::reader ask = [&bound](engine::export_chain wanted) {
      return bound.exported(wanted);
    };
    for (const auto& chain : below->chains) {
      auto known = lengths.find(chain.tag);
      if (known == lengths.end())
        continue;
      auto tag = from_hex(chain.tag).value();
      auto written = co_await exporter.write(ask, byte_reader{tag}.array<16>(),
                                             known->second);
      if (written.has_error())
        co_return written.error();
    }
  }
  co_return co_await exporter.finish(self->signing_seed());
}

audit_checkpoint
runtime::impl::signed_checkpoint(const engine::chain_heads& found) const {
  audit_checkpoint out;
  out.made_at = gateway->services().time->now();
  out.root = to_hex(view_of(found.root));
  for (const auto& each : found.heads)
    out.chains.push_back(
      {to_hex(view_of(each.tag)), each.length, to_hex(view_of(each.head))});
  sign(out, signing_seed());
  return out;
}

result<std::vector<engine::chain_head>> runtime::impl::expected_heads(
  const std::optional<audit_checkpoint>& against) const {
  std::vector<engine::chain_head> out;
  if (!against)
    return out;
  auto genuine = verify_checkpoint(*against, public_key_of(signing_seed()));
  if (genuine.has_error())
    return genuine.error();
  for (const auto& chain : against->chains) {
    auto tag = from_hex(chain.tag);
    auto head = from_hex(chain.head);
    if (!tag || tag->size() != persistence::scope_tag{}.size() || !head
        || head->size() != crypto::digest{}.size())
      return error{errc::invalid_argument, "the checkpoint is malformed"};
    out.push_back({byte_reader{*tag}.array<16>(), chain.length,
                   byte_reader{*head}.array<32>()});
  }
  return out;
}

call<new_key> make_key(std::shared_ptr<const organization::impl> of,
                       key_options options) {
  client::impl root{of->node, of->who, of->root, of->root};
  co_return co_await root.make_key(std::move(options));
}

namespace {

organization_settings
to_settings(const persistence::organization_settings& from) {
  return {from.search_language, from.limits};
}

} // namespace

call<organization_settings> organization::impl::settings() const {
  engine::operation what{engine::show_settings{}};
  auto done = co_await node->gateway->perform_on_organization(
    root, root->name(), who, auth::operation::show_settings, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_settings(std::get<persistence::organization_settings>(*done));
}

call<organization_settings>
organization::impl::configure(organization_changes changes) const {
  engine::operation what{
    engine::configure_organization{changes.search_language, changes.limits}};
  auto done = co_await node->gateway->perform_on_organization(
    root, root->name(), who, auth::operation::configure_organization,
    std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return to_settings(std::get<persistence::organization_settings>(*done));
}

} // namespace cloister
