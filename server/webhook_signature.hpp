// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace cloister::server {

// Signed as Standard Webhooks 1.0.0 has it (standardwebhooks.com): the headers
// webhook-id, webhook-timestamp (seconds) and webhook-signature, which is
// "v1," and base64(HMAC-SHA256(secret, id "." timestamp "." body)). A secret is
// shown as "whsec_" and the base64 of its bytes.

/// The one that is made of 64 hexadecimal digits, as it is shown.
std::string webhook_secret(std::string_view derived);

/// Empty for a secret that is none.
std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::string_view timestamp,
                              std::string_view body);

} // namespace cloister::server
