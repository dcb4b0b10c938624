// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/model/world.hpp"

namespace cloister::test {

namespace {

constexpr std::size_t requests_remembered = 20;

/// Whether an operation came out as the model says.
template <class T>
void require_outcome(const result<T>& outcome, errc expected) {
  INFO((outcome ? std::string{} : outcome.error().detail));
  REQUIRE((outcome ? errc::ok : outcome.error().code) == expected);
}

} // namespace

/// Takes over what was stored, and checks what became of the key.
void world::stored(const std::string& path, const memory_draft& wanted,
                   const memory& made) {
  auto& scope = live(path);
  auto known = wanted.key
                 ? std::find_if(scope.begin(), scope.end(),
                                [&](const auto& entry) {
                                  return entry.second.key == wanted.key;
                                })
                 : scope.end();
  CHECK(made.content == wanted.content);
  model_state state{wanted.content, wanted.memory_type,
                    model_number(wanted.metadata)};
  if (known == scope.end()) {
    CHECK(made.revision == 1);
    REQUIRE_FALSE(scope.contains(made.id.to_string()));
    scope[made.id.to_string()]
      = {std::move(state), 1, wanted.key, wanted.expires_at, {}};
    return;
  }
  CHECK(known->first == made.id.to_string());
  known->second.replace(std::move(state));
  known->second.expires_at = wanted.expires_at;
  CHECK(made.revision == known->second.revision);
}

void world::create(const principal& who, const std::string& path,
                   const client& bound) {
  auto wanted = random_draft();
  auto made = bound.create_memory(wanted);
  auto expected
    = who.may(permissions::write, path) ? errc::ok : errc::forbidden;
  require_outcome(made, expected);
  if (made)
    stored(path, wanted, *made);
}

void world::create_many(const principal& who, const std::string& path,
                        const client& bound) {
  std::vector<memory_draft> wanted;
  for (std::size_t i = 0; i <= pick(6); ++i)
    wanted.push_back(random_draft());
  // One that is wrong spoils all.
  auto spoiled = pick(4) == 0;
  if (spoiled)
    wanted[pick(wanted.size())].memory_type = "Not A Type";
  auto made = bound.create_memories(wanted);
  auto expected = spoiled                              ? errc::invalid_argument
                  : !who.may(permissions::write, path) ? errc::forbidden
                                                       : errc::ok;
  require_outcome(made, expected);
  for (std::size_t i = 0; made && i < wanted.size(); ++i)
    stored(path, wanted[i], (*made)[i]);
}

/// A create with an idempotency key; sometimes one that was used before.
void world::create_once(const principal& who, const std::string& path,
                        const client& bound) {
  auto again = std::find_if(
    requests_.begin(), requests_.end(), [&](const model_request& before) {
      return before.path == path && before.key_id == who.key_id && pick(2) == 0;
    });
  auto may = who.may(permissions::write, path);
  if (again != requests_.end() && may) {
    repeat_request(*again, bound, who.may(permissions::read, path));
    return;
  }
  auto wanted = random_draft();
  wanted.idempotency_key = "request-" + std::to_string(++requests_made_);
  auto made = bound.create_memory(wanted);
  require_outcome(made, (may ? errc::ok : errc::forbidden));
  if (!made)
    return;
  stored(path, wanted, *made);
  requests_.push_back(
    {path, who.key_id, wanted, made->id.to_string(), node_.time->now()});
  if (requests_.size() > requests_remembered)
    requests_.pop_front();
}

void world::repeat_request(const model_request& before, const client& bound,
                           bool bound_reads) {
  const auto& scope = live(before.path);
  auto known = scope.find(before.id);
  auto draft = before.draft;
  auto other = pick(4) == 0;
  if (other)
    draft.content += "otherwise";
  auto forgotten
    = before.at + limits::idempotency_lifetime <= node_.time->now();
  // What it became of a forgotten one is another matter; so is a draft whose
  // time to expire is over.
  if (forgotten || (draft.expires_at && *draft.expires_at <= node_.time->now()))
    return;
  auto made = bound.create_memory(draft);
  auto expected = other || known == scope.end() ? errc::conflict : errc::ok;
  INFO("repeated " << *draft.idempotency_key << " in " << before.path);
  require_outcome(made, expected);
  if (made) {
    // Whoever may not read gets back what it sent.
    if (!bound_reads)
      CHECK(made->content == draft.content);
    CHECK(made->id.to_string() == before.id);
    CHECK(made->revision == known->second.revision);
  }
}

void world::update(const principal& who, const std::string& path,
                   const client& bound) {
  auto id = some_id(path);
  auto& scope = live(path);
  auto known = scope.find(id.to_string());
  memory_patch patch;
  patch.content = model_words()[pick(model_words().size())];
  if (pick(3) == 0)
    patch.metadata = R"({"n":)" + std::to_string(pick(8)) + "}";
  std::optional<std::uint32_t> revision;
  if (pick(3) == 0)
    revision = static_cast<std::uint32_t>(1 + pick(3));
  auto changed = bound.update_memory(id, patch, revision);
  auto expected = !who.may(permissions::write, path) ? errc::forbidden
                  : known == scope.end()             ? errc::not_found
                  : revision && *revision != known->second.revision
                    ? errc::conflict
                    : errc::ok;
  require_outcome(changed, expected);
  if (!changed)
    return;
  auto next = known->second.now;
  next.content = *patch.content;
  if (patch.metadata)
    next.n = model_number(*patch.metadata);
  known->second.replace(std::move(next));
  CHECK(changed->revision == known->second.revision);
}

void world::remove(const principal& who, const std::string& path,
                   const client& bound) {
  auto id = some_id(path);
  auto& scope = live(path);
  auto gone = bound.delete_memory(id);
  auto expected = !who.may(permissions::remove, path) ? errc::forbidden
                  : scope.contains(id.to_string())    ? errc::ok
                                                      : errc::not_found;
  require_outcome(gone, expected);
  if (gone)
    scope.erase(id.to_string());
}

void world::remove_all(const principal& who, const std::string& path,
                       const client& bound) {
  auto gone = bound.delete_all_memories();
  REQUIRE(gone.has_value() == who.may(permissions::remove, path));
  if (!gone)
    return;
  CHECK(*gone == live(path).size());
  live(path).clear();
  // Deleting everything forgets requests, too.
  std::erase_if(requests_, [&](const model_request& before) {
    return before.path == path;
  });
}

void world::restore(const principal& who, const std::string& path,
                    const client& bound) {
  auto id = some_id(path);
  auto& scope = live(path);
  auto known = scope.find(id.to_string());
  std::uint32_t wanted = 1;
  if (known != scope.end())
    wanted = static_cast<std::uint32_t>(1 + pick(known->second.revision));
  auto restored = bound.restore_memory(id, wanted);
  auto there = known != scope.end() && known->second.history.contains(wanted);
  auto expected = !who.may(permissions::write, path) ? errc::forbidden
                  : there                            ? errc::ok
                                                     : errc::not_found;
  require_outcome(restored, expected);
  if (!restored)
    return;
  auto state = known->second.history.at(wanted);
  known->second.replace(std::move(state));
  CHECK(restored->revision == known->second.revision);
}

void world::share(const principal& who, const std::string& path,
                  const client& bound) {
  auto id = some_id(path);
  auto target = random_path();
  auto shared = bound.share_memory(id, target);
  const auto& scope = live(path);
  auto known = scope.find(id.to_string());
  auto allowed
    = who.may(permissions::write, target) && who.may(permissions::share, path);
  auto copy = known == scope.end() ? std::optional<model_memory>{}
                                   : known->second.copied_from(path);
  auto expected = !allowed               ? errc::forbidden
                  : known == scope.end() ? errc::not_found
                  : !copy                ? errc::invalid_argument
                                         : errc::ok;
  require_outcome(shared, expected);
  if (!shared)
    return;
  CHECK(shared->where.path() == target);
  CHECK(shared->memory.id != id);
  live(target)[shared->memory.id.to_string()] = *copy;
}

} // namespace cloister::test
