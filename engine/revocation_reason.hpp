// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/api_key.hpp"

namespace cloister::engine {

/// What the audit entry of a revocation says, by which a repair revokes again
/// what was revoked before:
///
///   reason := key id ["/" narrowing:32 hexadecimal digits [" until " time]]
std::string
revocation_reason(const auth::key_id& id,
                  const std::optional<crypto::short_digest>& narrowing,
                  const std::optional<timestamp>& expires_at);

/// The narrowed key that a reason speaks of; nothing for a whole key.
std::optional<auth::key_record::revoked_narrowing>
revoked_narrowing_in(std::string_view reason);

} // namespace cloister::engine
