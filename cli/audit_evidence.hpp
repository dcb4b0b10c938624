// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <CLI/CLI.hpp>

#include "cli/context.hpp"

namespace cloister::cli {

/// What `audit verify` is asked for.
struct verify_arguments {
  std::string scope;
  std::string export_file;
  std::string checkpoint_file;
  std::string public_key_file;
};

/// The operator needs no API key, and so no root below which a name could be
/// meant.
result<client> as_operator(const runtime& opened, const std::string& name);

/// Verifies an export, without a store.
result<audit_verification> verify_export(const verify_arguments& asked);

/// The checkpoint in a file, if one is named.
result<std::optional<audit_checkpoint>>
read_checkpoint(const std::string& path);

/// Adds `audit prune`.
void add_audit_prune_command(CLI::App& audit, context& shared);

/// Adds `audit checkpoint` and `audit export`.
void add_audit_evidence_commands(CLI::App& audit, context& shared);

} // namespace cloister::cli
