// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "crypto/secret_key.hpp"
#include "runtime/receipt.hpp"

namespace cloister {

/// Fills in the public key and the signature.
void sign_receipt(erasure_receipt& receipt, const crypto::secret_key& seed);

} // namespace cloister
