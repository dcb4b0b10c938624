// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/interfaces.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

/// Starts `threads` workers with a thread each, and what hands out their work:
/// first come, first served, so that one long job delays nobody while another
/// worker is free.
loader_actor spawn_loader(caf::actor_system& system, std::size_t threads);

} // namespace cloister::actors
