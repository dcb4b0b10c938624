// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "persistence/scope_identity.hpp"
#include "persistence/store.hpp"

/// The secrets of an organization, and the settings that it or a scope has;
/// both sealed under the control key.
namespace cloister::persistence {

/// What writing a record adds to a registry.
struct registry_addition {
  bytes key;
  bytes tag;
};

/// New secrets, with one signing key.
std::shared_ptr<const organization_keys> fresh_organization_keys();

/// Writes the secrets of `owner`, and answers what its registry has to know.
registry_addition put_organization_keys(const scope_identity& owner,
                                        write_batch& batch);

/// Fails with `corrupted`.
result<std::shared_ptr<const organization_keys>>
read_organization_keys(const store& records, const scope_identity& owner);

/// Reads what is set for an organization, or for a scope; the defaults if there
/// is nothing. Fails with `corrupted`.
result<organization_settings> settings_of(const store& records,
                                          const scope_identity& owner);

/// Reads the settings, the defaults if there are none, and makes all of the
/// organization's scopes see them. Fails with `corrupted`.
result<void> read_settings(const store& records,
                           const scope_identity& organization);

} // namespace cloister::persistence
