// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Whether libsodium is initialised before a program's first thread: a program
// of its own, because in any other a test before it might have done it.

#include <sodium.h>

#include "crypto/hash.hpp"

int main() {
  constexpr int was_initialised = 1;
  auto before_any_use = sodium_init();
  auto used = cloister::crypto::hash({"linked in"});
  return before_any_use == was_initialised && !used.empty() ? 0 : 1;
}
