// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/derived_secret.hpp"

#include "core/encoding.hpp"
#include "crypto/hash.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

std::string derived_secret(const runtime& store, std::string_view purpose) {
  const auto& parts = runtime_access::parts(store);
  if (parts.sealed)
    return {};
  auto derived = crypto::keyed_hash(parts.signing_seed(),
                                    {"cloister derived secret 1", purpose});
  return to_hex(view_of(derived));
}

} // namespace cloister
