// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <mutex>

#include "runtime/event_stream.hpp"
#include "server/text_stream.hpp"

namespace cloister::server {

/// What happens in a scope, as server-sent events (WHATWG HTML, section 9.2).
/// Thread-safe as `text_stream` says.
class event_feed : public text_stream,
                   public std::enable_shared_from_this<event_feed> {
public:
  /// How events are written; what is empty is passed over.
  struct formatting {
    /// What comes first, where it is not the place to go on from.
    std::string opening = {};
    std::function<std::string(const memory_event&)> event = {};
    /// The last one, where the scope is gone or its key may not read any more.
    std::function<std::string(const error&)> end = {};
    /// Whether somebody still wants it.
    std::function<bool()> is_wanted = [] { return true; };
  };

  /// Reads for the first time, and hands a feed to `made`, or why there is
  /// none.
  static void
  open(const client& bound, std::optional<event_position> after, formatting how,
       std::function<void(result<std::shared_ptr<event_feed>>)> made);

  void start(std::function<void()> ready) override;
  void next(taker taken) override;
  void cancel() override {
    is_cancelled_ = true;
  }
  bool has_comments() const override {
    return true;
  }
  bool wants_retry() const override {
    return failures_ > 0;
  }
  /// Has whoever sends it ask for the next piece.
  void wake();

private:
  explicit event_feed(formatting how) : how_(std::move(how)) {}

  std::optional<std::string> text_of(const result<event_page>& page);
  void read(taker taken);

  const formatting how_;
  std::optional<cloister::event_stream> events_;
  /// What was read before it was started.
  std::optional<std::string> first_;
  bool is_over_ = false;
  /// How often in a row it could not be read.
  std::atomic<int> failures_{0};
  std::atomic<bool> is_cancelled_{false};
  std::mutex mutex_;
  std::function<void()> ready_;
  bool is_woken_ = false;
};

/// One event: `id`, `event` and `data`, each left away where it is empty.
std::string sse_event(std::string_view id, std::string_view name,
                      std::string_view data);

} // namespace cloister::server
