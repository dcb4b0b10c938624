// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <set>

#include "core/utf8.hpp"
#include "runtime/list_cursor.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

namespace {

using auth::operation;

constexpr auto default_timeout = limits::request_timeout_default;

/// The answer of one kind, or nothing where the scope does not exist.
template <class T>
result<std::optional<T>> perform(const client::impl& self,
                                 actors::scope_binding& where, operation kind,
                                 engine::operation what) {
  auto done = self.node->gateway->perform(where, self.who, kind,
                                          std::move(what), default_timeout);
  if (done.has_error())
    return done.error();
  if (auto answer = std::get_if<engine::answer>(&*done))
    return std::optional<T>{std::move(std::get<T>(*answer))};
  return std::optional<T>{};
}

/// The same where a missing scope is an error.
template <class T>
result<T> perform_existing(const client::impl& self, operation kind,
                           engine::operation what) {
  auto done = perform<T>(self, *self.binding, kind, std::move(what));
  if (done.has_error())
    return done.error();
  if (!*done)
    return engine::no_such_memory();
  return std::move(**done);
}

result<void> check_page(std::size_t limit) {
  if (limit < 1 || limit > limits::page_results_max)
    return error{errc::invalid_argument, "limit is 1 to 1000"};
  return {};
}

result<std::optional<memory_filter>>
parsed_filter(const std::optional<std::string>& text) {
  if (!text)
    return std::optional<memory_filter>{};
  auto parsed = memory_filter::parse(*text);
  if (parsed.has_error())
    return parsed.error();
  return std::optional{std::move(*parsed)};
}

/// Where a scope is named, nothing must not mean the root.
result<void> check_named(std::string_view name) {
  if (name.empty())
    return error{errc::invalid_argument,
                 "a scope's name is empty; write it like user_sarah"};
  return {};
}

/// The scope that a name means: a full path, or a user_id below the root.
result<scope> named_scope(const auth::authority& who, std::string_view name) {
  if (auto named = check_named(name); named.has_error())
    return named.error();
  if (name.starts_with("org_"))
    return scope::parse(name);
  auto resolved = who.root.resolve(name);
  if (resolved || resolved.error().code != errc::forbidden)
    return resolved;
  // A scope outside the root may still be the one that sharing may write to.
  return who.root.organization().resolve(name);
}

std::shared_ptr<actors::scope_binding> bind(const scope& name) {
  return std::make_shared<actors::scope_binding>(name);
}

/// A refusal by name alone is one like any other: the trail tells of it.
error refused_name(const runtime::impl& node, const auth::authority_ptr& who,
                   operation kind, const error& why) {
  if (why.code != errc::forbidden)
    return why;
  return node.gateway->refuse(who, kind, why);
}

result<bindings> explicit_scopes(const client::impl& self, operation kind,
                                 const std::vector<std::string>& names) {
  if (names.size() > limits::scopes_per_request_max)
    return error{errc::invalid_argument, "scopes names at most 16 scopes"};
  bindings out;
  std::set<scope> seen;
  for (const auto& name : names) {
    if (auto named = check_named(name); named.has_error())
      return named.error();
    auto resolved = self.who->root.resolve(name);
    if (resolved.has_error())
      return refused_name(*self.node, self.who, kind, resolved.error());
    if (seen.insert(*resolved).second)
      out.push_back(bind(*resolved));
  }
  return out;
}

result<bindings> subtree(const client::impl& self) {
  auto below = perform<engine::scope_list>(
    self, *self.binding, operation::read_subtree,
    engine::list_scopes{limits::subtree_scopes_max});
  if (below.has_error())
    return below.error();
  bindings out{self.binding};
  if (!*below)
    return out;
  // A part of the answer must not pass for the whole.
  if ((*below)->unreadable > 0)
    return error{errc::corrupted,
                 std::to_string((*below)->unreadable)
                   + " scopes below are damaged; ask others by themselves, and "
                     "run `cloister doctor --repair`"};
  if ((*below)->truncated)
    return error{errc::too_large,
                 "more than 10000 scopes lie below; ask a narrower scope"};
  std::vector<scope> names;
  for (const auto& info : (*below)->scopes)
    names.push_back(info.name);
  // The catalog's order is that of keyed hashes, and no order to page in.
  std::sort(names.begin(), names.end());
  for (const auto& name : names)
    out.push_back(bind(name));
  return out;
}

/// The scopes that a list or search covers.
result<bindings> covered(const client::impl& self, operation kind,
                         visibility reach,
                         const std::vector<std::string>& names) {
  if (!names.empty() && reach != visibility::self)
    return error{errc::invalid_argument,
                 "scopes and visibility do not go together; give one of them"};
  if (!names.empty())
    return explicit_scopes(self, kind, names);
  if (reach == visibility::subtree)
    return subtree(self);
  bindings out{self.binding};
  if (reach == visibility::inherited)
    for (const auto& ancestor : self.binding->name().ancestors())
      if (auth::may_inherit_from(*self.who, ancestor))
        out.push_back(bind(ancestor));
  return out;
}

} // namespace

result<client> make_client(const std::shared_ptr<runtime::impl>& node,
                           const auth::authority_ptr& who,
                           std::string_view user_id) {
  auto target = who->root.resolve(user_id);
  if (target.has_error())
    return refused_name(*node, who, operation::bind_client, target.error());
  return client{std::make_shared<client::impl>(
    client::impl{node, who, bind(*target), bind(who->root.organization())})};
}

client::client(std::shared_ptr<impl> parts) : impl_(std::move(parts)) {}

const scope& client::bound_to() const {
  return impl_->binding->name();
}

// -- memories --

result<memory> client::create_memory(memory_draft draft) const {
  std::vector<memory_draft> drafts;
  drafts.push_back(std::move(draft));
  auto made = create_memories(std::move(drafts));
  if (made.has_error())
    return made.error();
  return std::move(made->front());
}

namespace {

result<engine::stored_memories> store_all(const client::impl& self,
                                          std::vector<memory_draft> drafts,
                                          bool skip_known) {
  if (drafts.empty() || drafts.size() > limits::batch_memories_max)
    return error{errc::invalid_argument, "a batch has 1 to 1000 memories"};
  std::size_t size = 0;
  for (auto& draft : drafts) {
    auto checked = validated(std::move(draft));
    if (checked.has_error())
      return checked.error();
    draft = std::move(*checked);
    size += draft.content.size() + draft.metadata.size();
  }
  if (drafts.size() > 1 && size > limits::batch_bytes_max)
    return error{errc::too_large, "a batch holds at most 4 MiB of contents and "
                                  "metadata; send it in parts"};
  auto done = perform<engine::stored_memories>(
    self, *self.binding, operation::create_memory,
    engine::create_memories{std::move(drafts), {}, skip_known});
  if (done.has_error())
    return done.error();
  return std::move(**done);
}

} // namespace

result<std::vector<memory>>
client::create_memories(std::vector<memory_draft> drafts) const {
  auto done = store_all(*impl_, std::move(drafts), false);
  if (done.has_error())
    return done.error();
  return std::move(done->memories);
}

result<std::size_t>
client::import_memories(std::vector<memory_draft> drafts) const {
  auto done = store_all(*impl_, std::move(drafts), true);
  if (done.has_error())
    return done.error();
  return done->memories.size();
}

result<memory> client::get_memory(const memory_id& id) const {
  return perform_existing<memory>(*impl_, operation::get_memory,
                                  engine::get_memory{id});
}

result<memory_list> client::list_memories(list_options options) const {
  if (auto ok = check_page(options.limit); ok.has_error())
    return ok.error();
  if (options.memory_type)
    if (auto ok = validate_type(*options.memory_type); ok.has_error())
      return ok.error();
  auto scopes
    = covered(*impl_, operation::list_memories, options.reach, options.scopes);
  if (scopes.has_error())
    return scopes.error();
  auto filter = parsed_filter(options.filter);
  if (filter.has_error())
    return filter.error();
  auto asked = options.memory_type.value_or("") + '\n'
               + options.filter.value_or("");
  auto at = position_of(options.cursor, *scopes, asked);
  if (at.has_error())
    return at.error();
  memory_list out;
  for (auto i = at->scope; i < scopes->size(); ++i) {
    auto room = options.limit - out.results.size();
    auto& where = *(*scopes)[i];
    if (room == 0) {
      out.cursor = make_cursor(where.name(), asked, std::nullopt);
      return out;
    }
    auto before = i == at->scope ? at->before : std::nullopt;
    auto page = perform<engine::memory_page>(
      *impl_, where, operation::list_memories,
      engine::list_memories{options.memory_type, *filter, room, before});
    if (page.has_error())
      return page.error();
    if (!*page)
      continue;
    for (auto& value : (*page)->memories)
      out.results.push_back({std::move(value), where.name()});
    if ((*page)->next) {
      out.cursor = make_cursor(where.name(), asked, (*page)->next);
      return out;
    }
  }
  return out;
}

result<search_results> client::search_memories(search_options options) const {
  if (auto ok = check_page(options.limit); ok.has_error())
    return ok.error();
  if (options.query.empty())
    return error{errc::invalid_argument,
                 "the query is empty; give some words, or list the memories"};
  if (!(options.min_score >= 0 && options.min_score <= 1))
    return error{errc::invalid_argument, "min_score is 0 to 1"};
  if (options.query.size() > limits::query_bytes_max)
    return error{errc::too_large, "the query exceeds 64 KiB"};
  if (!is_utf8(options.query))
    return error{errc::invalid_argument, "the query is not valid UTF-8"};
  if (options.memory_type)
    if (auto ok = validate_type(*options.memory_type); ok.has_error())
      return ok.error();
  auto filter = parsed_filter(options.filter);
  if (filter.has_error())
    return filter.error();
  auto scopes = covered(*impl_, operation::search_memories, options.reach,
                        options.scopes);
  if (scopes.has_error())
    return scopes.error();
  engine::search_memories what;
  what.query = std::move(options.query);
  what.limit = options.limit;
  what.type = std::move(options.memory_type);
  what.filter = std::move(*filter);
  what.min_score = options.min_score;
  auto hits = impl_->node->gateway->search(*scopes, impl_->who, std::move(what),
                                           options.timeout);
  if (hits.has_error())
    return hits.error();
  search_results out;
  for (auto& found : *hits)
    out.results.push_back(
      {std::move(found.hit.memory), found.where, found.hit.score});
  return out;
}

result<memory>
client::update_memory(const memory_id& id, memory_patch patch,
                      std::optional<std::uint32_t> if_revision) const {
  auto checked = validated(std::move(patch));
  if (checked.has_error())
    return checked.error();
  return perform_existing<memory>(
    *impl_, operation::update_memory,
    engine::update_memory{id, std::move(*checked), if_revision});
}

result<void>
client::delete_memory(const memory_id& id,
                      std::optional<std::uint32_t> if_revision) const {
  auto done = perform_existing<engine::deleted_count>(
    *impl_, operation::delete_memory, engine::delete_memory{id, if_revision});
  if (done.has_error())
    return done.error();
  return {};
}

result<std::uint64_t> client::delete_all_memories() const {
  auto done = perform<engine::deleted_count>(*impl_, *impl_->binding,
                                             operation::delete_all_memories,
                                             engine::delete_all_memories{});
  if (done.has_error())
    return done.error();
  return *done ? (*done)->deleted : 0;
}

result<std::vector<memory>> client::memory_history(const memory_id& id) const {
  auto done = perform_existing<engine::memory_page>(
    *impl_, operation::memory_history, engine::memory_history{id});
  if (done.has_error())
    return done.error();
  return std::move(done->memories);
}

result<memory> client::restore_memory(const memory_id& id,
                                      std::uint32_t revision) const {
  return perform_existing<memory>(*impl_, operation::restore_memory,
                                  engine::restore_memory{id, revision});
}

result<located_memory> client::share_memory(const memory_id& id,
                                            std::string_view to) const {
  auto target = named_scope(*impl_->who, to);
  if (target.has_error())
    return target.error();
  // Both ends are decided before anything is read.
  auto may_write = impl_->node->gateway->check(
    impl_->who, operation::receive_memory, *target);
  if (may_write.has_error())
    return may_write.error();
  auto source = perform_existing<engine::shared_memory>(
    *impl_, operation::share_memory, engine::share_memory{id});
  if (source.has_error())
    return source.error();
  auto& value = source->value;
  memory_draft copy{value.content, value.type,      value.metadata,
                    std::nullopt,  value.embedding, value.expires_at};
  auto where = bind(*target);
  auto done = perform<engine::stored_memories>(
    *impl_, *where, operation::receive_memory,
    engine::create_memories{{std::move(copy)}, {source->origin}});
  if (done.has_error())
    return done.error();
  return located_memory{std::move((*done)->memories.front()), *target};
}

// -- keys, scopes and audit --

result<new_key> client::create_key(key_options options) const {
  // Below the client's scope where that has it, else as the key sees it.
  auto root = bound_to().resolve(options.root);
  if (root.has_error() && root.error().code == errc::forbidden)
    root = impl_->who->root.resolve(options.root);
  if (root.has_error())
    return refused_name(*impl_->node, impl_->who, operation::create_key,
                        root.error());
  engine::create_key what{*root,
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
    auto limit = named_scope(*impl_->who, options.ancestors);
    if (limit.has_error())
      return limit.error();
    what.ancestors = {auth::ancestor_bound::kind::up_to, *limit};
  }
  if (options.promote_to) {
    auto target = named_scope(*impl_->who, *options.promote_to);
    if (target.has_error())
      return target.error();
    what.promote_to = *target;
  }
  auto done = impl_->node->gateway->perform_on_organization(
    *impl_->organization, *root, impl_->who, operation::create_key,
    std::move(what));
  if (done.has_error())
    return done.error();
  auto& made = std::get<engine::created_key>(*done);
  return new_key{to_key_info(made.record), std::move(made.api_key)};
}

result<std::vector<key_info>> client::list_keys() const {
  auto done = impl_->node->gateway->perform_on_organization(
    *impl_->organization, bound_to(), impl_->who, operation::list_keys,
    engine::list_keys{});
  if (done.has_error())
    return done.error();
  std::vector<key_info> out;
  for (const auto& record : std::get<engine::key_list>(*done).keys)
    out.push_back(to_key_info(record));
  return out;
}

result<key_info> client::revoke_key(std::string_view key_id) const {
  auto id = auth::parse_key_id(key_id);
  if (id.has_error())
    return id.error();
  auto done = impl_->node->gateway->perform_on_organization(
    *impl_->organization, bound_to(), impl_->who, operation::revoke_key,
    engine::revoke_key{*id});
  if (done.has_error())
    return done.error();
  return to_key_info(std::get<engine::created_key>(*done).record);
}

result<scope_listing> client::list_scopes() const {
  auto done = perform<engine::scope_list>(
    *impl_, *impl_->binding, operation::list_scopes,
    engine::list_scopes{limits::subtree_scopes_max});
  if (done.has_error())
    return done.error();
  return *done ? to_listing(**done) : scope_listing{};
}

result<scope_summary> client::show_scope() const {
  auto done = perform<engine::scope_info>(
    *impl_, *impl_->binding, operation::show_scope, engine::show_scope{});
  if (done.has_error())
    return done.error();
  if (!*done)
    return error{errc::not_found, "nothing was ever written to this scope; "
                                  "`cloister scope list` has those there are"};
  return to_summary(**done);
}

result<audit_list> client::list_audit(const audit_options& options) const {
  auto wanted = to_list_audit(options);
  if (wanted.has_error())
    return wanted.error();
  auto done = perform<engine::audit_page>(
    *impl_, *impl_->binding, operation::list_audit, std::move(*wanted));
  if (done.has_error())
    return done.error();
  return *done ? to_audit_list(std::move(**done)) : audit_list{};
}

result<audit_verification> client::verify_audit() const {
  auto done = perform<engine::audit_report>(
    *impl_, *impl_->binding, operation::verify_audit, engine::verify_audit{});
  if (done.has_error())
    return done.error();
  return to_verification(*done ? **done : engine::audit_report{});
}

} // namespace cloister
