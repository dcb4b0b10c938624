// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/client_impl.hpp"

namespace cloister {

using auth::operation;

namespace {

/// Checks drafts that go into one batch, and puts them in canonical form.
result<void> validate_batch(std::vector<memory_draft>& drafts) {
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
  return {};
}

call<engine::stored_memories> store_all(const client::impl& self,
                                        std::vector<memory_draft> drafts,
                                        bool skip_known) {
  if (auto valid = validate_batch(drafts); valid.has_error())
    co_return valid.error();
  engine::operation what{
    engine::create_memories{std::move(drafts), {}, skip_known}};
  auto done = co_await self.perform<engine::stored_memories>(
    self.binding, operation::create_memory, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return std::move(**done);
}

} // namespace

call<memory> client::impl::create(memory_draft draft) const {
  std::vector<memory_draft> drafts;
  drafts.push_back(std::move(draft));
  auto done = co_await store_all(*this, std::move(drafts), false);
  if (done.has_error())
    co_return done.error();
  co_return std::move(done->memories.front());
}

call<std::vector<memory>>
client::impl::create_all(std::vector<memory_draft> drafts) const {
  auto done = co_await store_all(*this, std::move(drafts), false);
  if (done.has_error())
    co_return done.error();
  co_return std::move(done->memories);
}

call<std::size_t> client::impl::import(std::vector<memory_draft> drafts) const {
  auto done = co_await store_all(*this, std::move(drafts), true);
  if (done.has_error())
    co_return done.error();
  co_return done->memories.size();
}

call<memory> client::impl::get(memory_id id) const {
  return perform_existing<memory>(operation::get_memory,
                                  engine::get_memory{id});
}

call<memory>
client::impl::update(memory_id id, memory_patch patch,
                     std::optional<std::uint32_t> if_revision) const {
  auto checked = validated(std::move(patch));
  if (checked.has_error())
    co_return checked.error();
  engine::operation what{
    engine::update_memory{id, std::move(*checked), if_revision}};
  co_return co_await perform_existing<memory>(operation::update_memory,
                                              std::move(what));
}

call<void>
client::impl::remove(memory_id id,
                     std::optional<std::uint32_t> if_revision) const {
  engine::operation what{engine::delete_memory{id, if_revision}};
  auto done = co_await perform_existing<engine::deleted_count>(
    operation::delete_memory, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return result<void>{};
}

call<std::uint64_t> client::impl::remove_all() const {
  engine::operation what{engine::delete_all_memories{}};
  auto done = co_await perform<engine::deleted_count>(
    binding, operation::delete_all_memories, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return *done ? (*done)->deleted : std::uint64_t{0};
}

call<std::vector<memory>> client::impl::history(memory_id id) const {
  engine::operation what{engine::memory_history{id}};
  auto done = co_await perform_existing<engine::memory_page>(
    operation::memory_history, std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return std::move(done->memories);
}

call<memory> client::impl::restore(memory_id id, std::uint32_t revision) const {
  return perform_existing<memory>(operation::restore_memory,
                                  engine::restore_memory{id, revision});
}

call<located_memory> client::impl::share(memory_id id, std::string to) const {
  auto target = named_scope(*who, to);
  if (target.has_error())
    co_return target.error();
  auto turn = node->gateway->begin_copy(binding->name());
  // Both ends are decided before anything is read.
  auto may_write
    = co_await node->gateway->check(who, operation::receive_memory, *target);
  if (may_write.has_error())
    co_return may_write.error();
  engine::operation reading{engine::share_memory{id}};
  auto source = co_await perform_existing<engine::shared_memory>(
    operation::share_memory, std::move(reading),
    actors::counted::further_scope);
  if (source.has_error())
    co_return source.error();
  if (auto may = turn.check(source->origin); may.has_error())
    co_return may.error();
  auto& value = source->value;
  memory_draft copy{value.content, value.type,      value.metadata,
                    std::nullopt,  value.embedding, value.expires_at};
  engine::create_memories writing;
  writing.drafts.push_back(std::move(copy));
  writing.origins.push_back(source->origin);
  engine::operation what{std::move(writing)};
  auto done = co_await perform<engine::stored_memories>(
    bind(*target), operation::receive_memory, std::move(what),
    actors::counted::nothing);
  if (done.has_error())
    co_return done.error();
  co_return located_memory{std::move((*done)->memories.front()), *target};
}

} // namespace cloister
