// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/checkpoint.hpp"
#include "runtime/types.hpp"

namespace cloister {

// An export of audit trails, as lines of JSON. It verifies without the store:
// entries come as they are stored, so that their chains can be followed, and
// the last line is signed.
//
//   entry := {"chain": tag, "index": n, "previous": head, "sealed": hex,
//             "ended"?: {"tag", "length", "head"}, "carried"?: the same with
//             the "index" of an entry that was pruned, in a list, and what
//             `audit list` has}
//   stub  := {"chain": tag, "stub": {"from", "head", "pruned", "at", "before"},
//             "signature"}, before the first entry of a chain that was pruned
//   last  := {"lines": n, "digest": hex, "checkpoint": audit checkpoint,
//             "public_key", "signature"}
//
// `digest` is that of the lines before: d(0) = 32 zeros, d(i + 1) =
// BLAKE2b-256("cloister audit export" d(i) line); the signature covers lines
// and digest. Each chain goes as far as the checkpoint says, and one that ended
// as far as the entry that says so.

/// Takes a line without its end. False ends the export.
using audit_line_sink = std::function<bool(const std::string& line)>;

/// What was exported.
struct audit_export_summary {
  std::uint64_t entries = 0;
  std::uint64_t chains = 0;
};

/// Gives the lines of an export one after the other; nothing after the last.
using audit_line_source = std::function<std::optional<std::string>()>;

/// Verifies an export: its signature, the digest of its lines, each link of
/// each chain, and that each goes as far as its checkpoint says; and as far as
/// that of `against` says, if one is given. Pure: no store, no key. Without a
/// `public_key` it is checked against the key that it brings along, which shows
/// that it is whole, and not whose it is. Fails with `invalid_argument` for
/// what is no export, and with `corrupted` where a signature is not genuine.
result<audit_verification>
verify_audit_export(const audit_line_source& lines,
                    const std::optional<std::string>& public_key = {},
                    const std::optional<audit_checkpoint>& against = {});

/// A checkpoint as one JSON document, and back. Fails with `invalid_argument`.
std::string to_json_text(const audit_checkpoint& checkpoint);
result<audit_checkpoint> parse_audit_checkpoint(std::string_view text);

} // namespace cloister
