// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/model/world.hpp"

namespace cloister::test {

void world::get(const principal& who, const std::string& path,
                const client& bound) {
  auto id = some_id(path);
  const auto& scope = live(path);
  auto found = bound.get_memory(id);
  auto expected = !who.may(permissions::read, path) ? errc::forbidden
                  : scope.contains(id.to_string())  ? errc::ok
                                                    : errc::not_found;
  REQUIRE((found ? errc::ok : found.error().code) == expected);
  if (found)
    CHECK(found->content == scope.at(id.to_string()).now.content);
}

void world::history(const principal& who, const std::string& path,
                    const client& bound) {
  auto id = some_id(path);
  const auto& scope = live(path);
  auto found = bound.memory_history(id);
  auto expected = !who.may(permissions::read, path) ? errc::forbidden
                  : scope.contains(id.to_string())  ? errc::ok
                                                    : errc::not_found;
  REQUIRE((found ? errc::ok : found.error().code) == expected);
  if (!found)
    return;
  const auto& known = scope.at(id.to_string());
  REQUIRE(found->size() == known.history.size() + 1);
  CHECK(found->front().content == known.now.content);
  CHECK(found->front().revision == known.revision);
  for (auto at = std::next(found->begin()); at != found->end(); ++at) {
    auto old = known.history.find(at->revision);
    REQUIRE(old != known.history.end());
    CHECK(at->content == old->second.content);
    CHECK(at->type == old->second.type);
  }
}

std::optional<std::vector<std::string>>
world::expected_reach(const principal& who, const std::string& path,
                      const search_options& options) {
  if (!options.scopes.empty()) {
    for (const auto& each : options.scopes)
      if (!who.may(permissions::read, each))
        return std::nullopt;
    return options.scopes;
  }
  if (!who.may(permissions::read, path))
    return std::nullopt;
  std::vector<std::string> out{path};
  if (options.reach == visibility::inherited)
    for (auto cut = path.rfind('/'); cut != std::string::npos;
         cut = cut == 0 ? cut : path.rfind('/', cut - 1))
      out.push_back(path.substr(0, cut));
  if (options.reach != visibility::subtree)
    return out;
  if (!who.may(permissions::admin, path))
    return std::nullopt;
  for (const auto& each : model_paths(organization_of(path)))
    if (each.starts_with(path + '/'))
      out.push_back(each);
  for (const auto& [each, known] : sessions_)
    if (each.starts_with(path + '/'))
      out.push_back(each);
  return out;
}

void world::search(const principal& who, const std::string& path,
                   const client& bound) {
  const auto& words = model_words();
  search_options options{.query = words[pick(words.size())], .limit = 1000};
  constexpr visibility reaches[]
    = {visibility::self, visibility::inherited, visibility::subtree};
  if (pick(4) != 0)
    options.reach = reaches[pick(3)];
  else
    for (std::size_t i = 0; i <= pick(3); ++i)
      options.scopes.push_back(random_path());
  auto filter = random_filter();
  options.filter = filter.json;
  auto reach = expected_reach(who, path, options);
  auto found = bound.search_memories(options);
  REQUIRE(found.has_value() == reach.has_value());
  if (!found) {
    CHECK(found.error().code == errc::forbidden);
    return;
  }
  std::set<std::string> covered{reach->begin(), reach->end()};
  std::set<std::string> seen;
  for (const auto& hit : found->results) {
    auto where = std::string{hit.where.path()};
    REQUIRE(covered.contains(where));
    const auto& scope = live(where);
    auto id = hit.memory.id.to_string();
    REQUIRE(scope.contains(id));
    CHECK(scope.at(id).now.content == hit.memory.content);
    CHECK(filter.admits(scope.at(id)));
    CHECK(seen.insert(id).second);
  }
  std::size_t expected = 0;
  for (const auto& where : covered)
    for (const auto& [id, known] : live(where)) {
      auto has_word
        = known.now.content.find(options.query) != std::string::npos;
      expected += has_word && filter.admits(known);
      // Neighbours in a conversation are found for their context.
      if (!has_word && where.find("/session_") != std::string::npos)
        expected += seen.contains(id);
    }
  CHECK(seen.size() == std::min(expected, options.limit));
}

void world::list(const principal& who, const std::string& path,
                 const client& bound) {
  list_options options;
  options.limit = 1000;
  if (pick(2) == 0)
    options.memory_type = "fact";
  auto filter = random_filter();
  options.filter = filter.json;
  auto found = bound.list_memories(options);
  REQUIRE(found.has_value() == who.may(permissions::read, path));
  if (!found)
    return;
  std::size_t expected = 0;
  for (const auto& [id, known] : live(path))
    expected += (!options.memory_type || known.now.type == "fact")
                && filter.admits(known);
  CHECK(found->results.size() == std::min(expected, options.limit));
  if (pick(4) == 0)
    list_pages(path, bound, filter);
}

/// Page by page, each memory once, while others are written.
void world::list_pages(const std::string& path, const client& bound,
                       const model_filter& filter) {
  const auto& scope = live(path);
  std::set<std::string> seen;
  list_options options;
  options.limit = 1 + pick(20);
  options.filter = filter.json;
  auto before = scope;
  std::size_t written = 0;
  do {
    auto page = bound.list_memories(options).value();
    CHECK(page.results.size() <= options.limit);
    for (const auto& each : page.results) {
      auto id = each.memory.id.to_string();
      REQUIRE(scope.contains(id));
      CHECK(seen.insert(id).second);
    }
    options.cursor = page.cursor;
    // What comes and goes meanwhile moves nothing else.
    if (pick(2) == 0 && written++ < 3)
      write_unseen(path);
  } while (options.cursor);
  for (const auto& [id, known] : before)
    CHECK(seen.contains(id) == filter.admits(known));
}

/// The operator writes something that is new, and so comes before every page.
void world::write_unseen(const std::string& path) {
  auto wanted = random_draft();
  wanted.key = std::nullopt;
  auto org = runtime_->organization(organization_of(path)).value();
  auto writer = org.client(path).value();
  auto made = writer.create_memory(wanted).value();
  stored(path, wanted, made);
}

void world::compare(const std::string& path, const client& bound) {
  const auto& scope = live(path);
  std::size_t seen = 0;
  list_options options;
  options.limit = 1000;
  do {
    auto found = bound.list_memories(options).value();
    for (const auto& each : found.results) {
      auto known = scope.find(each.memory.id.to_string());
      REQUIRE(known != scope.end());
      CHECK(each.memory.content == known->second.now.content);
      CHECK(each.memory.type == known->second.now.type);
      CHECK(each.memory.key == known->second.key);
      CHECK(each.memory.revision == known->second.revision);
      ++seen;
    }
    options.cursor = found.cursor;
  } while (options.cursor);
  CHECK(seen == scope.size());
}

} // namespace cloister::test
