// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "auth/audit_entry.hpp"
#include "engine/session_table.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/write_batch.hpp"

/// What can be asked about sessions; see requests.hpp.
namespace cloister::engine {

/// How long a session lives; 0 for no such limit.
struct session_terms {
  bool resumable = false;
  std::chrono::milliseconds idle{0};
  std::chrono::milliseconds absolute{0};
  std::chrono::milliseconds lease{0};
};

/// Opens a session directly below; answers `opened_session`. Whoever asks adds
/// it to the table when it can be used.
struct open_session {
  session_terms terms;
  /// Set once it may have been written: if the request fails then, it is to be
  /// ended.
  live_session_ptr begun = nullptr;
};

/// Starts the lease and the idle time of this session anew. Answers
/// `session_list` with this one.
struct renew_session {};

/// The open sessions at this scope and below. Answers `session_list`.
struct list_sessions {};

/// What is left of an ephemeral session whose engine has ended: the end of its
/// audit chain.
struct session_remains {
  auth::audit_anchor anchor;
  std::shared_ptr<persistence::write_batch> batch;
  /// Up to which journal entry the chain has all.
  std::uint64_t journaled = 0;
  std::uint64_t memories = 0;
};

/// Ends the audit chain of an ephemeral session below, whose keys are gone.
/// Answers `erased_child`.
struct finish_session {
  live_session_ptr session;
  session_end why = session_end::none;
  /// None where its engine is gone, too: then it is read, and set, so that
  /// asking again goes on from the same.
  std::optional<session_remains> remains;
};

struct opened_session {
  live_session_ptr session;
  /// Of an ephemeral one.
  persistence::identity_ptr identity;
};

struct session_list {
  std::vector<live_session_ptr> sessions;
};

} // namespace cloister::engine
