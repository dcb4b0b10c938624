// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/client.hpp"

namespace cloister {

/// A session that was opened, and its memories, which vanish with it. It ends
/// when this is closed or destroyed, and before that when one of its timeouts
/// comes, when its lease is not renewed, when the runtime closes, or when
/// somebody ends it by name. Nothing new is begun then, what is in flight comes
/// to its end, and its key is destroyed.
///
/// Keeps its runtime open. Move-only; what was moved from can only be destroyed
/// or assigned to. Calls are thread-safe.
class session {
public:
  session(session&& other) noexcept;
  session& operator=(session&& other) noexcept;
  /// Ends it in the background, unless it was detached.
  ~session();

  /// Its memories. Clients of an ended session are answered with `erased` and
  /// why it ended.
  const client& memories() const;
  const client* operator->() const {
    return &memories();
  }

  const cloister::scope& scope() const;
  session_info info() const;

  /// Ends it; waits until its key is gone. Needs `delete`. Fails with `erased`
  /// if it has ended, or with `unavailable`: it has ended then, and its receipt
  /// could not be written yet.
  result<erasure_receipt> close();
  /// The same, completed by a handler.
  void close(completion_handler<erasure_receipt> done);

  /// Starts its lease and its idle time anew.
  result<session_info> renew();
  /// The same, completed by a handler.
  void renew(completion_handler<session_info> done);

  /// Moves memories to the scope above, or to another one, named like a
  /// user_id; see `client::promote_memories`.
  result<std::vector<located_memory>> promote(const std::vector<memory_id>& ids,
                                              std::string_view to = {});
  /// The same, completed by a handler.
  void promote(const std::vector<memory_id>& ids, std::string_view to,
               completion_handler<std::vector<located_memory>> done);

  /// Called once with the reason when it has ended, however that was; at once
  /// if it has. On a thread of the runtime, which it must not keep.
  void on_end(std::function<void(const std::string& reason)> told);

  /// Leaves it open when this is destroyed: it is reached by its name, and ends
  /// by its timeouts, or with `client::end_session`.
  void detach();

  struct impl;
  explicit session(std::unique_ptr<impl> parts);

private:
  friend struct session_access;
  std::unique_ptr<impl> impl_;
};

} // namespace cloister
