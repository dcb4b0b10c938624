// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "runtime/types.hpp"
#include "wire/object_reader.hpp"

/// What callers send, as the runtime's values. Each takes the members that it
/// knows from a reader, whose `finish` tells of mistakes.
namespace cloister::wire {

/// content, memory_type, metadata, key, embedding, expires_at, created_at.
memory_draft read_draft(object_reader& from);

/// A JSON merge patch (RFC 7396) of a memory: content, memory_type, metadata,
/// embedding, expires_at; where that is `null` the memory stays for ever.
memory_patch read_patch(object_reader& from);

/// query, limit, memory_type, filter, mode, min_score, visibility, scopes,
/// timeout_ms. Without vectors, `hybrid` is what `lexical` is.
search_options read_search(object_reader& from);

/// resumable, and idle_timeout, absolute_timeout and lease in seconds, 0 for no
/// such limit.
session_options read_session(object_reader& from);

/// scope, permissions, expires_at, label, ancestors, promote_to.
key_options read_key(object_reader& from);

/// Limits, where `null` is none.
quota_changes read_quota(object_reader& from);

/// Of `visibility`, by name.
visibility read_visibility(object_reader& from);

} // namespace cloister::wire
