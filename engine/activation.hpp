// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>

#include "engine/scope_engine.hpp"

namespace cloister::engine {

/// What became of waking a scope: its engine, or the nearest ancestor that
/// exists, or why it cannot be read.
struct activation {
  std::unique_ptr<scope_engine> engine;
  std::optional<scope> nearest;
  std::optional<error> failure;
};

/// Finds a scope in the catalog and reads it. May read the disk for long:
/// loaders call it.
activation activate(const services& with, const scope& name);

} // namespace cloister::engine
