// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "runtime/client_impl.hpp"
#include "runtime/session.hpp"

namespace cloister {

struct session::impl {
  client memories;
  std::shared_ptr<const client::impl> parts;
  engine::live_session_ptr session;
  bool ends_with_it = true;
};

/// For whoever holds a session for somebody else.
struct session_access {
  /// Ends it in the background.
  static void end(session& of, engine::session_end why);
};

session_info to_session_info(const engine::live_session& session);

} // namespace cloister
