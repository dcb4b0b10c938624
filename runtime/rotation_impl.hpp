// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "persistence/rotation.hpp"
#include "runtime/rotation.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

/// Rotates to a key. `plan` says what is to be done with files in the end; the
/// rest of it is filled in.
result<void> rotate_to(runtime::impl& node, crypto::secret_key next,
                       persistence::rotation plan);

/// Goes on with what `node.store.rotating` says.
result<void> finish_rotation(runtime::impl& node);

} // namespace cloister
