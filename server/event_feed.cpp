// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/event_feed.hpp"

namespace cloister::server {

namespace {

/// Of a client that was cut off, before it comes again; milliseconds.
constexpr std::string_view retry_line = "retry: 2000\n";

/// What passes by itself is no reason to end.
bool is_final(const error& why) {
  return why.code == errc::erased || why.code == errc::unauthenticated
         || why.code == errc::forbidden;
}

} // namespace

std::string sse_event(std::string_view id, std::string_view name,
                      std::string_view data) {
  std::string out;
  if (!id.empty())
    out.append("id: ").append(id).append("\n");
  if (!name.empty())
    out.append("event: ").append(name).append("\n");
  if (!data.empty())
    out.append("data: ").append(data).append("\n");
  return out + '\n';
}

void event_feed::open(
  const client& bound, std::optional<event_position> after, formatting how,
  std::function<void(result<std::shared_ptr<event_feed>>)> made) {
  std::shared_ptr<event_feed> feed{new event_feed{std::move(how)}};
  feed->events_ = bound.follow_events(after, [weak = feed->weak_from_this()] {
    if (auto self = weak.lock())
      self->wake();
  });
  feed->events_->next([feed, made](const result<event_page>& page) {
    if (page.has_error())
      return made(page.error());
    auto opening = feed->how_.opening;
    if (opening.empty()) {
      opening = retry_line;
      // Whoever is cut off before anything has happened goes on from here.
      if (page->events.empty())
        opening += sse_event(to_string(page->next), {}, {});
    }
    feed->first_ = opening + *feed->text_of(page);
    made(feed);
  });
}

void event_feed::start(std::function<void()> ready) {
  {
    std::lock_guard guard{mutex_};
    ready_ = ready;
    if (!is_woken_)
      return;
  }
  ready();
}

void event_feed::wake() {
  std::function<void()> ready;
  {
    std::lock_guard guard{mutex_};
    is_woken_ = true;
    ready = ready_;
  }
  if (ready)
    ready();
}

/// A piece; nothing for a failure that ends it.
std::optional<std::string> event_feed::text_of(const result<event_page>& page) {
  // While it is being erased, for instance; whoever is cut off comes again.
  constexpr int failures_max = 4;
  if (page.has_error() && !is_final(page.error()))
    return ++failures_ < failures_max ? std::optional<std::string>{""}
                                      : std::nullopt;
  failures_ = 0;
  if (page.has_error()) {
    is_over_ = true;
    auto last = how_.end(page.error());
    return last.empty() ? std::nullopt : std::optional{std::move(last)};
  }
  std::string out;
  for (const auto& event : page->events)
    out += how_.event(event);
  return out;
}

void event_feed::next(taker taken) {
  if (is_over_ || !how_.is_wanted())
    return taken(std::nullopt);
  if (first_)
    return taken(std::exchange(first_, std::nullopt));
  read(std::move(taken));
}

void event_feed::read(taker taken) {
  events_->next([self = shared_from_this(),
                 taken = std::move(taken)](const result<event_page>& page) {
    auto text = self->text_of(page);
    // Much may have happened of which nothing is told.
    if (text && text->empty() && page && page->more && !self->is_cancelled_)
      return self->read(taken);
    taken(std::move(text));
  });
}

} // namespace cloister::server
