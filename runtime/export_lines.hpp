// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "crypto/hash.hpp"
#include "crypto/secret_key.hpp"
#include "engine/requests.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/types.hpp"

/// The lines of an export of audit trails; see audit_export.hpp.
namespace cloister {

crypto::digest next_digest(const crypto::digest& before, bytes_view line);

std::string export_line(const engine::exported_entry& entry,
                        const audit_record& record, const std::string& chain);

std::string last_line(std::uint64_t lines, const crypto::digest& digest,
                      const audit_checkpoint& checkpoint,
                      const crypto::secret_key& seed);

/// Where entries were pruned.
std::string stub_line(const auth::audit_stub& stub);

/// What a checkpoint says that nothing can be held against any more.
std::string passed_over_text(std::uint64_t ends);

} // namespace cloister
