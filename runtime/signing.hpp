// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "crypto/secret_key.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/erasure_list.hpp"
#include "runtime/receipt.hpp"

namespace cloister {

/// Each fills in the public key and the signature.
void sign(erasure_receipt& receipt, const crypto::secret_key& seed);
void sign(audit_checkpoint& checkpoint, const crypto::secret_key& seed);
void sign(erasure_list& list, const crypto::secret_key& seed);

/// What signed documents have in common, in hexadecimal digits.
std::string signature_of(bytes_view text, const crypto::secret_key& seed);
std::string public_key_of(const crypto::secret_key& seed);
/// Fails like `verify_receipt`; `what` is the document.
result<void> verify_signed(bytes_view text, std::string_view signature,
                           std::string_view public_key, std::string_view what);

} // namespace cloister
