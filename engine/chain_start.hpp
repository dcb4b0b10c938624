// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>

#include "auth/audit_stub.hpp"
#include "engine/ledger.hpp"
#include "engine/services.hpp"

namespace cloister::engine {

/// What stands for the oldest entries of a chain, if some were pruned. Fails
/// with `corrupted` for one that does not open, is not the only one, or was not
/// signed by this store for this chain. May read the disk.
result<std::optional<auth::audit_stub>>
read_stub(const services& with, const ledger_context& context);

/// Follows a chain from its first entry, or from its stub, on.
inline auth::chain_verifier
verifier_from(const ledger_context& context,
              const std::optional<auth::audit_stub>& stub) {
  return stub ? auth::verifier_behind(*stub)
              : auth::chain_verifier{view_of(context.tag)};
}

/// Signs a stub and puts it in the place of the one before.
void put_stub(const services& with, const ledger_context& context,
              auth::audit_stub stub, persistence::write_batch& batch);

} // namespace cloister::engine
