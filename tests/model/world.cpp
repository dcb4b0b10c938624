// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/world.hpp"

#include <catch2/catch.hpp>

namespace cloister::test {

namespace {

// One name is the beginning of the other: whole segments must be compared.
const std::vector<std::string> organizations{"org_a", "org_ab"};
const std::vector<std::string> below{
  "",        "team_t",         "user_u",          "user_v", "team_t/user_u",
  "agent_g", "user_u/agent_g", "team_t/session_s"};

constexpr std::size_t guests = 3;

} // namespace

const std::vector<std::string>& model_words() {
  static const std::vector<std::string> words{
    "red", "green", "blue", "black", "white", "amber", "olive", "coral"};
  return words;
}

std::vector<std::string> model_paths(const std::string& org) {
  std::vector<std::string> out;
  for (const auto& rest : below)
    out.push_back(rest.empty() ? org : org + '/' + rest);
  return out;
}

std::string organization_of(const std::string& path) {
  return path.substr(0, path.find('/'));
}

std::optional<model_memory>
model_memory::copied_from(const std::string& path) const {
  model_memory out{now, 1, std::nullopt, expires_at, {}, came_through};
  for (auto end = path.find('/');; end = path.find('/', end + 1)) {
    out.came_through.insert(path.substr(0, end));
    if (end == std::string::npos)
      break;
  }
  if (out.came_through.size() > limits::origin_scopes_max)
    return std::nullopt;
  return out;
}

void model_memory::replace(model_state next) {
  history[revision] = std::exchange(now, std::move(next));
  ++revision;
  if (history.size() > limits::revisions_kept_max)
    history.erase(history.begin());
}

bool principal::reaches(const std::string& path) const {
  return path == root || path.starts_with(root + '/');
}

bool principal::may(permissions p, const std::string& path) const {
  return reaches(path)
         && (static_cast<int>(allowed) & static_cast<int>(p))
              == static_cast<int>(p);
}

world::world(std::uint64_t seed) : random_(seed) {
  node_.options.content_cache_bytes = 4000;
  node_.options.checkpoint_documents_min = 5;
  node_.options.idle_after = idle;
  // Later than any key that is narrowed by the calendar.
  node_.time->advance(std::chrono::hours{24} * 3650);
  restart();
  for (const auto& org : organizations) {
    make_principals(org);
    narrow_some(org);
  }
  for (std::size_t i = 0; i < guests; ++i)
    replace_guest();
}

void world::restart() {
  std::vector<std::string> ephemeral;
  for (auto& [path, known] : sessions_) {
    if (auto handle = handles_.find(path); handle != handles_.end())
      handle->second.detach();
    if (!known.resumable)
      ephemeral.push_back(path);
  }
  handles_.clear();
  for (const auto& path : ephemeral)
    session_ended(path);
  runtime_.reset();
  // A session whose handle went ends in the background, and keeps its runtime.
  REQUIRE(eventually([&] {
    auto opened = node_.open();
    if (opened)
      runtime_ = std::make_unique<runtime>(std::move(*opened));
    return opened.has_value();
  }));
}

std::size_t world::pick(std::size_t below_this) {
  return random_() % below_this;
}

std::string world::random_path() {
  if (!sessions_.empty() && pick(4) == 0)
    return random_session();
  return random_static_path();
}

std::string world::random_static_path() {
  auto paths = model_paths(organizations[pick(organizations.size())]);
  return paths[pick(paths.size())];
}

principal world::new_principal(const std::string& org, const std::string& root,
                               permissions allowed,
                               std::optional<timestamp> expires_at) {
  auto key
    = runtime_->organization(org)
        ->create_key(
          {.root = root, .permissions = allowed, .expires_at = expires_at})
        .value();
  return {key.info.key_id, key.api_key, key.info.scope,
          allowed,         expires_at,  false};
}

void world::make_principals(const std::string& org) {
  for (auto [root, allowed] :
       {std::pair{"", permissions::all},
        {"team_t", permissions::read | permissions::write},
        {"user_u", permissions::all},
        {"user_v", permissions::read},
        {"team_t/user_u", permissions::read | permissions::share},
        {"agent_g", permissions::write | permissions::remove}})
    principals_.push_back(new_principal(org, root, allowed, std::nullopt));
}

bool world::is_dead(const principal& who) const {
  return who.revoked
         || (who.expires_at && *who.expires_at <= node_.time->now());
}

/// A guest's key is revoked, or a dead one's place is taken by a new one.
void world::replace_guest() {
  std::erase_if(guests_, [&](const principal& who) { return is_dead(who); });
  if (guests_.size() >= guests) {
    auto& who = guests_[pick(guests_.size())];
    auto org = runtime_->organization(organization_of(who.root)).value();
    REQUIRE(org.client()->revoke_key(who.key_id).has_value());
    who.revoked = true;
    return;
  }
  std::optional<timestamp> expires;
  if (pick(2) == 0)
    expires = node_.time->now() + std::chrono::minutes{1 + pick(600)};
  auto path = random_static_path();
  auto org = organization_of(path);
  auto root = path == org ? std::string{} : path.substr(org.size() + 1);
  auto allowed = permissions::read | permissions::write;
  guests_.push_back(new_principal(org, root, allowed, expires));
}

void world::step() {
  auto roll = pick(100);
  if (roll == 0 && pick(20) == 0) {
    restart();
    return;
  }
  if (roll == 1 && pick(10) == 0)
    replace_guest();
  if (roll < 2)
    node_.time->advance(std::chrono::minutes{pick(30)});
  end_due_sessions();
  if (roll == 2)
    runtime_->sweep();
  if (roll == 3)
    burst();
  if (roll == 4 && pick(8) == 0)
    erase_some();
  // The clock moves in some of these.
  end_due_sessions();
  const auto& everybody
    = pick(6) == 0 && !guests_.empty() ? guests_ : principals_;
  const auto& who = everybody[pick(everybody.size())];
  if (roll == 5 && !ended_.empty()) {
    use_ended(who);
    return;
  }
  auto path = random_path();
  auto bound = runtime_->client(who.api_key, path);
  auto expected = is_dead(who)         ? errc::unauthenticated
                  : !who.reaches(path) ? errc::forbidden
                                       : errc::ok;
  REQUIRE((bound ? errc::ok : bound.error().code) == expected);
  if (bound)
    act(who, path, *bound);
}

void world::act(const principal& who, const std::string& path,
                const client& bound) {
  using operation
    = void (world::*)(const principal&, const std::string&, const client&);
  static constexpr operation all[]
    = {&world::create,       &world::create,      &world::create,
       &world::create,       &world::create_many, &world::create_once,
       &world::update,       &world::update,      &world::remove,
       &world::remove,       &world::restore,     &world::share,
       &world::search,       &world::search,      &world::list,
       &world::get,          &world::get,         &world::history,
       &world::open_session, &world::end_session, &world::promote,
       &world::list_sessions};
  constexpr std::size_t count = std::size(all);
  if (pick(10 * count) == 0)
    remove_all(who, path, bound);
  else
    (this->*all[pick(count)])(who, path, bound);
}

void world::compare_everything() {
  for (const auto& org : organizations) {
    auto root = runtime_->organization(org).value();
    for (const auto& path : model_paths(org))
      compare(path, root.client(path).value());
    for (const auto& [path, known] : sessions_)
      if (organization_of(path) == org)
        compare(path, root.client(path).value());
  }
  auto report = runtime_->verify_all().value();
  INFO(report.first_broken << ": " << report.reason);
  REQUIRE(report.intact);
}

model_scope& world::live(const std::string& path) {
  auto& scope = scopes_[path];
  std::erase_if(scope, [&](const auto& entry) {
    return entry.second.expires_at
           && *entry.second.expires_at <= node_.time->now();
  });
  return scope;
}

/// An id of this scope mostly, of another one or of nobody sometimes.
memory_id world::some_id(const std::string& path) {
  const auto& scope = live(pick(8) == 0 ? random_path() : path);
  if (scope.empty())
    return {};
  auto at
    = std::next(scope.begin(), static_cast<std::ptrdiff_t>(pick(scope.size())));
  return memory_id::parse(at->first).value();
}

memory_draft world::random_draft() {
  const auto& words = model_words();
  memory_draft out;
  for (std::size_t i = 0; i <= pick(5); ++i)
    out.content += words[pick(words.size())] + ' ';
  out.memory_type = pick(2) == 0 ? "fact" : "policy";
  if (pick(3) != 0)
    out.metadata = R"({"n":)" + std::to_string(pick(8)) + "}";
  if (pick(4) == 0)
    out.key = "key" + std::to_string(pick(3));
  if (pick(6) == 0)
    out.expires_at = node_.time->now() + std::chrono::minutes{1 + pick(60)};
  return out;
}

model_filter world::random_filter(std::size_t depth) {
  auto n = static_cast<std::int64_t>(pick(8));
  auto text = std::to_string(n);
  auto word = model_words()[pick(model_words().size())];
  switch (pick(depth < 3 ? 9 : 6)) {
    case 0:
      return {std::nullopt, [](const auto&) { return true; }};
    case 1:
      return {R"({"memory_type":"fact"})",
              [](const auto& m) { return m.now.type == "fact"; }};
    case 2:
      return {R"({"metadata.n":{"gte":)" + text + "}}",
              [n](const auto& m) { return m.now.n && *m.now.n >= n; }};
    case 3:
      return {R"({"metadata.n":{"nin":[)" + text + ",3]}}",
              [n](const auto& m) { return m.now.n != n && m.now.n != 3; }};
    case 4:
      return {R"({"content":{"contains":")" + word + R"("}})",
              [word](const auto& m) {
                return m.now.content.find(word) != std::string::npos;
              }};
    case 5:
      return {R"({"metadata.n":{"exists":true},"revision":{"gt":1}})",
              [](const auto& m) { return m.now.n && m.revision > 1; }};
    default: {
      auto a = random_filter(depth + 1);
      auto b = random_filter(depth + 1);
      auto both = a.json.value_or("{}") + "," + b.json.value_or("{}");
      if (pick(3) == 0)
        return {R"({"NOT":[)" + both + "]}",
                [a, b](const auto& m) { return !a.admits(m) && !b.admits(m); }};
      if (pick(2) == 0)
        return {R"({"OR":[)" + both + "]}",
                [a, b](const auto& m) { return a.admits(m) || b.admits(m); }};
      return {R"({"AND":[)" + both + "]}",
              [a, b](const auto& m) { return a.admits(m) && b.admits(m); }};
    }
  }
}

std::optional<std::int64_t> model_number(const std::string& metadata) {
  constexpr std::string_view before = R"({"n":)";
  if (!metadata.starts_with(before))
    return std::nullopt;
  return std::stoll(metadata.substr(before.size()));
}

} // namespace cloister::test
