// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Sessions of the model, erased scopes, and keys that were narrowed.

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/model/world.hpp"

namespace cloister::test {

namespace {

constexpr std::size_t sessions_at_a_time = 6;
constexpr std::size_t ended_remembered = 20;

template <class T>
void require_outcome(const result<T>& outcome, errc expected) {
  INFO((outcome ? std::string{} : outcome.error().detail));
  REQUIRE((outcome ? errc::ok : outcome.error().code) == expected);
}

bool is_session(const std::string& path) {
  return path.find("/session_") != std::string::npos;
}

bool lies_in(const std::string& path, const std::string& above) {
  return path == above || path.starts_with(above + '/');
}

} // namespace

/// Nothing of it may be found from now on.
void world::session_ended(const std::string& path) {
  if (auto handle = handles_.find(path); handle != handles_.end())
    handle->second.detach();
  handles_.erase(path);
  sessions_.erase(path);
  scopes_.erase(path);
  std::erase_if(requests_, [&](const auto& each) { return each.path == path; });
  ended_.push_back(path);
  if (ended_.size() > ended_remembered)
    ended_.pop_front();
}

/// Those whose time has come, whether anybody has looked or not.
void world::end_due_sessions() {
  std::vector<std::string> due;
  for (const auto& [path, known] : sessions_)
    if (known.ends_at && *known.ends_at <= node_.time->now())
      due.push_back(path);
  for (const auto& path : due)
    session_ended(path);
}

void world::open_session(const principal& who, const std::string& path,
                         const client& bound) {
  if (sessions_.size() >= sessions_at_a_time)
    return;
  session_options options{
    .resumable = pick(2) == 0, .idle_timeout = {}, .absolute_timeout = {}};
  if (pick(2) == 0)
    options.absolute_timeout = std::chrono::minutes{1 + pick(600)};
  auto run = bound.open_session(options);
  auto expected = !who.may(permissions::write, path) ? errc::forbidden
                  : is_session(path)                 ? errc::invalid_argument
                                                     : errc::ok;
  require_outcome(run, expected);
  if (!run)
    return;
  auto opened = std::string{run->scope().path()};
  CHECK(opened.starts_with(path + "/session_"));
  model_session known{options.resumable, {}};
  if (options.absolute_timeout.count() > 0)
    known.ends_at = node_.time->now() + options.absolute_timeout;
  sessions_[opened] = known;
  handles_.emplace(opened, std::move(*run));
}

/// Its handle goes, and the session with it.
void world::drop_session(const std::string& path) {
  auto left
    = runtime_->organization(organization_of(path))->client(path).value();
  handles_.erase(path);
  CHECK(eventually([&] {
    auto found = left.list_memories();
    return found.has_error() && found.error().code == errc::erased;
  }));
  session_ended(path);
}

void world::end_session(const principal& who, const std::string&,
                        const client& bound) {
  auto path = random_session();
  if (path.empty())
    return;
  if (pick(4) == 0 && handles_.contains(path)) {
    drop_session(path);
    return;
  }
  auto ended = bound.end_session(path);
  require_outcome(ended, who.may(permissions::remove, path) ? errc::ok
                                                            : errc::forbidden);
  if (!ended)
    return;
  // What has expired may still be there.
  CHECK(ended->memories >= live(path).size());
  session_ended(path);
}

void world::promote(const principal& who, const std::string& path,
                    const client& bound) {
  if (!is_session(path))
    return;
  auto id = some_id(path);
  auto above = path.substr(0, path.rfind('/'));
  auto moved = bound.promote_memories({id});
  auto& scope = live(path);
  auto known = scope.find(id.to_string());
  auto allowed
    = who.may(permissions::write, above) && who.may(permissions::share, path);
  auto copy = known == scope.end() ? std::optional<model_memory>{}
                                   : known->second.copied_from(path);
  auto expected = !allowed               ? errc::forbidden
                  : known == scope.end() ? errc::not_found
                  : !copy                ? errc::invalid_argument
                                         : errc::ok;
  require_outcome(moved, expected);
  if (!moved)
    return;
  if (who.may(permissions::remove, path))
    scope.erase(known);
  live(above)[moved->front().memory.id.to_string()] = *copy;
}

void world::list_sessions(const principal& who, const std::string& path,
                          const client& bound) {
  auto found = bound.list_sessions();
  require_outcome(found, who.may(permissions::read, path) ? errc::ok
                                                          : errc::forbidden);
  if (!found)
    return;
  std::set<std::string> seen;
  for (const auto& each : *found)
    seen.insert(std::string{each.scope.path()});
  for (const auto& [each, known] : sessions_)
    CHECK(seen.contains(each) == lies_in(each, path));
}

/// Whoever had it is told, and nobody else.
void world::use_ended(const principal& who) {
  auto path = ended_[pick(ended_.size())];
  auto bound = runtime_->client(who.api_key, path);
  if (is_dead(who) || !who.reaches(path)) {
    REQUIRE(bound.has_error());
    return;
  }
  require_outcome(bound->list_memories(), who.may(permissions::read, path)
                                            ? errc::erased
                                            : errc::forbidden);
  require_outcome(bound->create_memory(random_draft()),
                  who.may(permissions::write, path) ? errc::erased
                                                    : errc::forbidden);
  require_outcome(bound->end_session(), who.may(permissions::remove, path)
                                          ? errc::erased
                                          : errc::forbidden);
}

std::string world::random_session() {
  if (sessions_.empty())
    return {};
  return std::next(sessions_.begin(),
                   static_cast<std::ptrdiff_t>(pick(sessions_.size())))
    ->first;
}

/// The operator erases a scope and lets its name be used again.
void world::erase_some() {
  auto path = random_static_path();
  auto org = organization_of(path);
  if (path == org)
    return;
  // Keys of before are told by their time.
  node_.time->advance(std::chrono::milliseconds{1});
  auto bound = runtime_->organization(org)->client(path).value();
  std::size_t memories = 0;
  for (auto& [each, scope] : scopes_)
    if (lies_in(each, path))
      memories += live(each).size();
  erase_options options;
  options.with_shared_copies = pick(2) == 0;
  auto copies = copies_of(path);
  auto receipt = bound.erase_scope(options);
  if (!receipt) {
    REQUIRE(receipt.error().code == errc::not_found);
    CHECK(memories == 0);
    return;
  }
  CHECK(receipt->memories >= memories);
  // What has expired may still be there, too.
  if (options.with_shared_copies) {
    CHECK(receipt->copies == 0);
    CHECK(receipt->copies_erased.value() >= copies);
    drop_copies_of(path);
  } else {
    CHECK(receipt->copies.value() >= copies);
  }
  require_outcome(bound.find_receipt(), errc::ok);
  require_outcome(bound.list_memories(), errc::erased);
  require_outcome(bound.create_memory(random_draft()), errc::erased);
  forget_below(path);
  node_.time->advance(std::chrono::milliseconds{1});
  require_outcome(bound.reinstate_scope(), errc::ok);
  for (const auto& key : replace_principals(path))
    require_outcome(runtime_->client(key), errc::unauthenticated);
  CHECK(bound.list_memories()->results.empty());
}

/// Outside of the scope itself.
std::size_t world::copies_of(const std::string& path) {
  std::size_t out = 0;
  for (auto& [where, scope] : scopes_)
    for (const auto& [id, known] : live(where))
      out += !lies_in(where, path) && known.came_through.contains(path) ? 1 : 0;
  return out;
}

void world::drop_copies_of(const std::string& path) {
  for (auto& [where, scope] : scopes_)
    if (!lies_in(where, path))
      std::erase_if(scope, [&](const auto& each) {
        return each.second.came_through.contains(path);
      });
}

void world::forget_below(const std::string& path) {
  // What has the names next is another source.
  for (auto& [where, scope] : scopes_)
    for (auto& [id, known] : scope)
      std::erase_if(known.came_through, [&](const std::string& source) {
        return lies_in(source, path);
      });
  std::vector<std::string> gone;
  for (const auto& [each, known] : sessions_)
    if (lies_in(each, path))
      gone.push_back(each);
  for (const auto& each : gone) {
    session_ended(each);
    // Its name was that of a scope that is there again: it never was.
    ended_.pop_back();
  }
  std::erase_if(ended_, [&](const auto& each) { return lies_in(each, path); });
  std::erase_if(scopes_,
                [&](const auto& each) { return lies_in(each.first, path); });
  std::erase_if(requests_,
                [&](const auto& each) { return lies_in(each.path, path); });
}

/// Those rooted there get new keys; answers the old ones. What was narrowed by
/// the calendar is from before for ever.
std::vector<std::string> world::replace_principals(const std::string& path) {
  std::vector<std::string> dead;
  for (auto* all : {&principals_, &guests_})
    for (auto& who : *all)
      if (lies_in(who.root, path) && !is_dead(who))
        dead.push_back(who.api_key);
  std::erase_if(guests_,
                [&](const auto& who) { return lies_in(who.root, path); });
  std::erase_if(principals_, [&](const auto& who) {
    return who.narrowed && lies_in(who.root, path);
  });
  for (auto& who : principals_) {
    if (!lies_in(who.root, path))
      continue;
    auto org = organization_of(who.root);
    who = new_principal(org, who.root.substr(org.size() + 1), who.allowed,
                        std::nullopt);
  }
  return dead;
}

/// Keys that the holders of others made for one scope, without asking.
void world::narrow_some(const std::string& org) {
  const auto& whole = *std::find_if(
    principals_.begin(), principals_.end(),
    [&](const auto& who) { return who.root == org && !who.narrowed; });
  auto api_key = whole.api_key;
  for (auto [root, allowed] :
       {std::pair{"user_u", permissions::read | permissions::write},
        {"team_t", permissions::read | permissions::remove}}) {
    auto narrowed
      = narrow_key(api_key, {.scope = root, .permissions = allowed}).value();
    principals_.push_back({whole.key_id, narrowed, org + '/' + root, allowed,
                           std::nullopt, false, true});
  }
}

} // namespace cloister::test
