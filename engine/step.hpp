// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <variant>

#include "core/error.hpp"
#include "engine/requests.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::engine {

struct step;

/// Work that may read the disk: `work` runs on a loader thread and touches
/// nothing of the engine, `then` goes on in the engine.
struct offload {
  std::function<void()> work;
  std::function<step()> then;
  /// May take long: must not keep others from their loaders.
  bool heavy = false;
};

/// A batch for the committer; `then` learns what became of it.
struct commit {
  std::shared_ptr<persistence::write_batch> batch;
  std::function<step(result<void>)> then;
};

/// The budget is used up: let others have the thread, then go on.
struct again {
  std::function<step()> then;
  /// Not before this has passed: something elsewhere stands in the way.
  std::chrono::milliseconds pause{0};
};

/// Something that another operation of this engine is doing stands in the way:
/// go on once one of its batches or pieces of work has come to its end.
struct wait {
  std::function<step()> then;
};

/// What an engine wants next. Plain data, so that the engine needs no actors:
/// whoever drives it does what it says and calls `then`.
struct step {
  std::variant<result<answer>, offload, commit, again, wait> what;
  /// With an answer: what is left to do once it is on its way, before anything
  /// else of this engine. The caller need not wait for it.
  std::function<void()> afterwards;

  step(result<answer> done) : what(std::move(done)) {}
  step(answer done) : what(result<answer>{std::move(done)}) {}
  step(error failure) : what(result<answer>{std::move(failure)}) {}
  step(offload next) : what(std::move(next)) {}
  step(commit next) : what(std::move(next)) {}
  step(again next) : what(std::move(next)) {}
  step(wait next) : what(std::move(next)) {}
};

} // namespace cloister::engine
