// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <string>

namespace cloister::server {

/// An answer that goes on as long as somebody listens. Whoever sends it asks
/// for one piece at a time, and for the next once that was taken: what is slow
/// holds back nothing but itself.
class text_stream {
public:
  /// A piece; empty where there is nothing now, nothing at the end.
  using taker = std::function<void(std::optional<std::string>)>;

  virtual ~text_stream() = default;
  /// Called once. From then on `ready` is called, on any thread, whenever there
  /// may be something new.
  virtual void start(std::function<void()> ready) = 0;
  /// Hands the next piece to `taken`, on any thread.
  virtual void next(taker taken) = 0;
  /// Nobody listens any more. On any thread.
  virtual void cancel() {}
  /// Whether what is between two pieces may be filled by a comment of
  /// server-sent events, so that proxies do not take it for dead.
  virtual bool has_comments() const {
    return false;
  }
  /// Whether it is to be asked again after a while, woken or not.
  virtual bool wants_retry() const {
    return false;
  }
  /// Whether it ended because something failed: whoever listens is cut off, so
  /// that a part does not pass for the whole.
  virtual bool has_failed() const {
    return false;
  }
};

} // namespace cloister::server
