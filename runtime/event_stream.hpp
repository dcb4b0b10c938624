// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/memory_event.hpp"
#include "runtime/client.hpp"

namespace cloister {

/// What happens in one scope: each event once, in the order in which they
/// became durable. Nothing is kept in memory for whoever is slow: events are
/// read from the scope's audit chain, and can be asked for again as long as
/// that is not pruned. Made by `client::follow_events`; the trail tells of it
/// once, with the first `next`, and whether its key may read is asked with
/// each.
///
/// Keeps its runtime open. One call of `next` at a time; different streams are
/// independent. Destroying it ends it, a call under way comes to its end.
class event_stream {
public:
  event_stream(event_stream&& other) noexcept;
  event_stream& operator=(event_stream&& other) noexcept;
  ~event_stream();

  /// What has happened since, at most `limits::events_per_page`; no events
  /// where there was nothing. Fails with `erased` once the scope, or the
  /// session, is gone: then nothing follows any more.
  result<event_page> next();
  /// The same, completed by a handler.
  void next(completion_handler<event_page> done);

  struct impl;
  explicit event_stream(std::shared_ptr<impl> parts);

private:
  std::shared_ptr<impl> impl_;
};

} // namespace cloister
