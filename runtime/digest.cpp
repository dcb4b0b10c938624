// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/digest.hpp"

#include "core/encoding.hpp"
#include "crypto/hash.hpp"

namespace cloister {

std::string text_digest(std::string_view text) {
  return to_hex(view_of(crypto::hash({text})));
}

} // namespace cloister
