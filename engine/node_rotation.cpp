// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How what the master key wraps is wrapped under another one, while the node
// serves.

#include "engine/node_engine.hpp"
#include "persistence/rotation.hpp"

namespace cloister::engine {

namespace {

/// Slots that one batch writes.
constexpr std::size_t slots_at_once = 128;

} // namespace

step node_engine::note_rotation(std::string reason) {
  auto entry = entry_of(auth::operation::rotate_master_key);
  entry.reason = std::move(reason);
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  return submit(batch, &entry, {}, nothing{});
}

step node_engine::begin_rotating(const begin_rotation& what) {
  const auto& master = with_.catalog.node().master;
  if (what.next)
    master->begin(std::move(*what.next));
  return note_rotation("to version " + std::to_string(master->version()));
}

/// Behind what is on its way, which may be under the former key. A slot that
/// somebody writes or destroys meanwhile is passed over, and looked at again.
step node_engine::rewrap() {
  return behind([this] { return rewrap_some(); });
}

step node_engine::rewrap_some() {
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  auto count = std::make_shared<result<std::size_t>>(
    error{errc::unavailable, "the keys could not be read"});
  auto work = [batch, count, with = with_] {
    *count = with.catalog.rewrap_some(slots_at_once, *batch);
  };
  return offload{
    work, [this, batch, count]() -> step {
      if (count->has_error())
        return count->error();
      const auto& master = *with_.catalog.node().master;
      deleted_count done{**count, **count == 0 && !master.is_former_in_use()};
      if (**count == 0)
        return answer{done};
      return submit(batch, nullptr, {}, done);
    }};
}

step node_engine::finish_rotating() {
  const auto& master = with_.catalog.node().master;
  master->finish();
  return note_rotation("version " + std::to_string(master->version())
                       + " wraps everything");
}

} // namespace cloister::engine
