// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/runtime.hpp"
#include "server/mem0_documents.hpp"

namespace cloister::server {

/// Tells others of what mem0's clients have changed. What is to be told is
/// written down before the client is answered, and told until it was taken, or
/// for a day: also after a restart. Thread-safe.
class webhook_outbox {
public:
  struct options {
    /// Addresses of this machine and of private networks, too.
    bool allows_private = false;
    std::chrono::milliseconds first_pause{5'000};
  };

  webhook_outbox(runtime store, options how);
  webhook_outbox(const webhook_outbox&) = delete;
  webhook_outbox& operator=(const webhook_outbox&) = delete;
  /// What was not told is told after the next start.
  ~webhook_outbox();

  /// Notes a change for all webhooks of an organization that want such an
  /// event, e.g. "memory_add".
  result<void> note(const scope& organization, std::string_view event,
                    const boost::json::object& details);

  /// The webhooks of an organization are others now.
  void forget(const scope& organization);

  /// Why a webhook's address cannot be one, if so.
  std::optional<error> refused_url(std::string_view url) const;

private:
  using documents = mem0::documents;
  using document = mem0::document;
  /// By organization.
  using known_hooks = std::map<std::string, std::vector<document>>;

  result<documents> of(const std::string& organization,
                       std::string kind) const;
  result<std::vector<document>> hooks_of(const std::string& organization);
  void find_unfinished();
  void loop();
  std::optional<std::string> next_organization();
  void deliver_all(const std::string& organization);
  bool deliver(const std::string& organization, const document& hook,
               const document& what) const;

  runtime store_;
  const options how_;
  std::mutex mutex_;
  std::condition_variable changed_;
  known_hooks hooks_;
  /// When organizations are to be looked at next.
  std::map<std::string, std::chrono::steady_clock::time_point> due_;
  /// At whom somebody is at work.
  std::set<std::string> busy_;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

} // namespace cloister::server
