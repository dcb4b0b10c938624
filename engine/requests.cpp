// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/requests.hpp"

#include "core/overloaded.hpp"

namespace cloister::engine {

namespace {

template <class T>
std::size_t size_of(const std::optional<T>& text) {
  return text ? text->size() : 0;
}

} // namespace

error no_such_memory() {
  return {errc::not_found,
          "there is no such memory in this scope; see that its "
          "user_id is the right one"};
}

error revision_conflict(std::uint32_t now) {
  return {errc::conflict, "the memory was changed meanwhile; it is at revision "
                            + std::to_string(now)
                            + ", so read it again and decide anew"};
}

std::size_t carried_bytes(const operation& what) {
  return std::visit(overloaded{
                      [](const create_memories& op) {
                        std::size_t out = 0;
                        for (const auto& draft : op.drafts)
                          out += draft.content.size() + draft.metadata.size()
                                 + draft.embedding.size() * sizeof(float);
                        return out;
                      },
                      [](const update_memory& op) {
                        return size_of(op.patch.content)
                               + size_of(op.patch.metadata);
                      },
                      [](const search_memories& op) { return op.query.size(); },
                      [](const auto&) { return std::size_t{0}; },
                    },
                    what);
}

std::vector<memory_id> targets_of(const operation& what) {
  return std::visit(
    [](const auto& op) -> std::vector<memory_id> {
      if constexpr (requires { memory_id{op.id}; })
        return {op.id};
      else
        return {};
    },
    what);
}

} // namespace cloister::engine
