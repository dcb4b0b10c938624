// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/commit_queue.hpp"

#include "core/limits.hpp"

namespace cloister::persistence {

namespace {

constexpr std::size_t refused_loads_max = 100'000;

} // namespace

commit_queue::commit_queue(store& records, key_slots& slots,
                           data_directory& directory)
  : records_(records), slots_(slots), directory_(directory) {
  directory_.keep_reserve();
}

void commit_queue::add(std::shared_ptr<write_batch> batch) {
  queue_.push_back(std::move(batch));
}

std::vector<result<void>> commit_queue::flush() {
  auto batches = std::exchange(queue_, {});
  std::vector<result<void>> outcomes(batches.size());
  std::size_t at = 0;
  while (at < batches.size()) {
    std::vector<std::shared_ptr<write_batch>> group;
    std::vector<std::size_t> members;
    std::size_t bytes = 0;
    for (; at < batches.size() && bytes < limits::commit_group_bytes_max;
         ++at) {
      if (auto why = refusal(*batches[at])) {
        outcomes[at] = std::move(*why);
        note_refused(batches[at]->load());
        continue;
      }
      bytes += batches[at]->size();
      group.push_back(batches[at]);
      members.push_back(at);
    }
    if (group.empty())
      continue;
    auto done = write(group);
    for (auto member : members) {
      outcomes[member] = done;
      if (done.has_error())
        note_refused(batches[member]->load());
    }
  }
  return outcomes;
}

std::optional<error> commit_queue::refusal(const write_batch& batch) {
  constexpr std::chrono::milliseconds retry_hint = limits::overload_retry_hint;
  if (records_.poisoned())
    return error{errc::unavailable,
                 "the store is recovering from a failed "
                 "write; try again",
                 retry_hint};
  if (batch.generation() != 0 && batch.generation() != records_.generation())
    return error{errc::unavailable,
                 "the store was reopened meanwhile; try "
                 "again",
                 retry_hint};
  if (batch.load() != 0 && refused_loads_.contains(batch.load()))
    return error{errc::unavailable,
                 "an earlier change of this scope was "
                 "refused; try again",
                 retry_hint};
  if (batch.effect() == batch_effect::grows && records_.is_short_of_space())
    return short_of_space_error();
  return std::nullopt;
}

void commit_queue::note_refused(std::uint64_t load) {
  if (load == 0 || !refused_loads_.insert(load).second)
    return;
  refused_in_order_.push_back(load);
  // An engine reads its state again after one refusal, so old loads have no
  // batches left by then: far fewer than this are in flight at a time.
  if (refused_in_order_.size() > refused_loads_max) {
    refused_loads_.erase(refused_in_order_.front());
    refused_in_order_.pop_front();
  }
}

result<void>
commit_queue::write(const std::vector<std::shared_ptr<write_batch>>& group) {
  auto together = records_.hold_writes();
  std::vector<slot_write> slots;
  for (const auto& batch : group)
    slots.insert(slots.end(), batch->slots().begin(), batch->slots().end());
  if (!slots.empty()) {
    if (auto done = slots_.write(slots); done.has_error()) {
      records_.poison();
      return error{errc::unavailable,
                   "writing keys failed and its outcome is unknown ("
                     + done.error().detail + "); try again"};
    }
  }
  return records_.write(group);
}

result<void> reopen_store(store& records, data_directory& directory) {
  directory.release_reserve();
  if (auto done = records.reopen(); done.has_error())
    return done;
  directory.keep_reserve();
  return {};
}

bool commit_queue::reopen() {
  if (!records_.poisoned())
    return true;
  if (reopen_store(records_, directory_).has_error())
    return false;
  // Loads that were refused belong to an older generation now.
  refused_loads_.clear();
  refused_in_order_.clear();
  return true;
}

} // namespace cloister::persistence
