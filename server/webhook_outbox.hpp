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
/// written down before the client is answered, by the memory's id alone, and
/// told until it was taken, or for a day: also after a restart. What the memory
/// says is read when it is told: what is gone by then is not told.
///
/// Secrets are kept nowhere; they are derived. Thread-safe.
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
  /// event, e.g. "memory_add". Fails with `unavailable`, `overloaded` or
  /// `quota_exceeded`.
  result<void> note(const scope& organization, std::string_view event,
                    const memory_id& id);

  /// Whether any of them wants it.
  result<bool> is_wanted(const scope& organization, std::string_view event);

  /// What a webhook is signed with, by its key.
  std::string secret_of(const scope& organization, std::string_view key) const;

  /// The webhooks of an organization are others now.
  void forget(const scope& organization);

  /// Why a webhook's address cannot be one, if so.
  std::optional<error> refused_url(std::string_view url) const;

private:
  using documents = mem0::documents;
  using document = mem0::document;
  struct known_hooks {
    std::vector<document> list;
    std::chrono::steady_clock::time_point read_at;
  };

  result<documents> of(const std::string& organization, std::string kind) const;
  result<std::vector<document>> hooks_of(const std::string& organization);
  std::optional<document> hook_named(const std::string& organization,
                                     const std::string& key);
  result<std::string> body_of(const std::string& organization,
                              const document& what) const;
  void find_unfinished();
  void loop();
  std::optional<std::string> next_organization();
  void deliver_all(const std::string& organization);
  std::int64_t resting_until(const std::string& hook);
  void rest(const std::string& hook, std::int64_t until);
  void look_again(const std::string& organization, std::int64_t due);
  bool deliver(const std::string& organization, const document& hook,
               const document& what) const;

  runtime store_;
  const options how_;
  std::mutex mutex_;
  std::condition_variable changed_;
  /// By organization; for a moment, since they may go by other ways.
  std::map<std::string, known_hooks> hooks_;
  /// How often one of them was changed.
  std::uint64_t generation_ = 0;
  /// Webhooks that have failed, and until when nothing is told to them;
  /// milliseconds since 1970.
  std::map<std::string, std::int64_t> resting_;
  /// How much waited at the last look, and what came since.
  std::map<std::string, std::size_t> waiting_;
  /// When organizations are to be looked at next.
  std::map<std::string, std::chrono::steady_clock::time_point> due_;
  /// At whom somebody is at work.
  std::set<std::string> busy_;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

} // namespace cloister::server
