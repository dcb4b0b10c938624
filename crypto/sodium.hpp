// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// libsodium, ready for use. Only sources of this folder include it.

#include <sodium.h>

#include "core/assert.hpp"

namespace cloister::crypto {

/// True from the start of the process on, before a second thread can exist.
/// `sodium_init` swaps the implementations of its primitives: where it runs
/// while another thread is between the first and the last block of a Poly1305,
/// that thread goes on with the other implementation's state. It then refuses
/// what is genuine, or crashes. So it is never called at first use.
inline const bool sodium_is_ready = [] {
  auto status = sodium_init();
  CLOISTER_ASSERT(status >= 0);
  return true;
}();

} // namespace cloister::crypto
