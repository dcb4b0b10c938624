// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/after_commit.hpp"
#include "engine/step.hpp"

namespace cloister::engine {

/// Brings a chain up to date with `flush`, an engine's `flush_audit()`, then
/// has a loader do `work`, which reads that chain, and answers with it.
inline step flush_then(step flush, std::function<result<answer>()> work) {
  auto found = std::make_shared<result<answer>>(answer{nothing{}});
  auto read = [found, work = std::move(work)] { *found = work(); };
  offload then{read, [found]() -> step { return std::move(*found); }, true};
  if (!std::holds_alternative<commit>(flush.what))
    return then;
  return after_commit(std::move(flush),
                      [then](const result<void>& outcome, step) -> step {
                        if (outcome.has_error())
                          return outcome.error();
                        return then;
                      });
}

} // namespace cloister::engine
