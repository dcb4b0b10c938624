// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What a scope's engine lends to the pruning of its trail.

#include "engine/scope_engine.hpp"

namespace cloister::engine {

pruner scope_engine::make_pruner() {
  return {lend_for_erasures(),
          [this](std::uint64_t sequence) -> std::optional<record_tag> {
            auto row = memories_.find_sequence(sequence);
            if (!row)
              return std::nullopt;
            return memories_.at(*row).tag;
          }};
}

step scope_engine::prune(const std::shared_ptr<request>& asked) {
  // It is no older than the session, and its keys are not for long.
  if (own_records_)
    return refuse(*asked, {errc::invalid_argument,
                           "the trail of a session that is open cannot be "
                           "pruned; when it has ended, prune the scope above"});
  const auto& what = std::get<prune_chain>(asked->what);
  auto enter = [this, asked] {
    if (in_flight_ > 0) {
      barrier_ = asked.get();
      return false;
    }
    if (barrier_ == asked.get())
      barrier_ = nullptr;
    return true;
  };
  return pruner_.prune(what, entry_of(*asked), enter);
}

step scope_engine::ended_below(const std::shared_ptr<request>& asked) {
  return pruner_.list_ended(std::get<list_ended_chains>(asked->what),
                            entry_of(*asked));
}

} // namespace cloister::engine
