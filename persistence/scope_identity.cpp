// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/scope_identity.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace cloister::persistence {

scope_keys scope_keys::random() {
  return assemble(crypto::secret_key::random(),
                  {crypto::secret_key::random(), 1, std::nullopt});
}

const crypto::secret_key* data_keys::of_epoch(std::uint32_t wanted) const {
  if (wanted == epoch)
    return &key;
  return previous && wanted + 1 == epoch ? &*previous : nullptr;
}

scope_keys scope_keys::assemble(crypto::secret_key wrapping, data_keys data) {
  auto control = crypto::derive_key(wrapping, "clstctrl", 1);
  auto fingerprint = crypto::derive_key(wrapping, "clstsets", 1);
  return {std::move(wrapping), std::move(control), std::move(fingerprint),
          std::make_shared<data_key_ring>(
            std::make_shared<const data_keys>(std::move(data)))};
}

const crypto::secret_key*
organization_keys::signing_key(std::uint8_t version) const {
  auto found
    = std::find_if(signing.begin(), signing.end(), [version](const auto& each) {
        return each.first == version;
      });
  return found == signing.end() ? nullptr : &found->second;
}

} // namespace cloister::persistence
