// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/mcp_notifier.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>

#include "runtime/event_stream.hpp"

namespace cloister::cli {

struct mcp_notifier::loop : std::enable_shared_from_this<loop> {
  teller told;
  std::function<void(const boost::json::object&)> write;
  std::optional<event_stream> events = {};
  std::mutex mutex = {};
  std::condition_variable changed = {};
  bool is_reading = false;
  bool is_woken = true;
  bool is_over = false;

  loop(teller teller_of, std::function<void(const boost::json::object&)> writer)
    : told(std::move(teller_of)), write(std::move(writer)) {}

  void wake() {
    {
      std::lock_guard guard{mutex};
      is_woken = true;
    }
    go_on();
  }

  void go_on() {
    {
      std::lock_guard guard{mutex};
      if (is_over || is_reading || !is_woken)
        return;
      is_reading = true;
      is_woken = false;
    }
    events->next([self = shared_from_this()](const result<event_page>& page) {
      self->take(page);
    });
  }

  void take(const result<event_page>& page) {
    if (page)
      for (const auto& event : page->events)
        for (const auto& message : told(event))
          write(message);
    {
      std::lock_guard guard{mutex};
      is_reading = false;
      is_woken = is_woken || (page && page->more);
      changed.notify_all();
    }
    go_on();
  }
};

mcp_notifier::mcp_notifier(
  const client& bound, teller told,
  std::function<void(const boost::json::object&)> write)
  : loop_(std::make_shared<loop>(std::move(told), std::move(write))) {
  loop_->events
    = bound.follow_events(std::nullopt, [weak = std::weak_ptr<loop>{loop_}] {
        if (auto self = weak.lock())
          self->wake();
      });
  loop_->go_on();
}

mcp_notifier::~mcp_notifier() {
  std::unique_lock guard{loop_->mutex};
  loop_->is_over = true;
  loop_->changed.wait(guard, [this] { return !loop_->is_reading; });
}

} // namespace cloister::cli
