// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/mcp_stdio.hpp"

#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>

#include <boost/json.hpp>

#include "cli/mcp_notifier.hpp"
#include "core/json_text.hpp"
#include "server/mcp.hpp"
#include "server/mcp_listener.hpp"
#include "wire/object_reader.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// Of a message; the longest memory, escaped, and then some.
constexpr std::size_t line_bytes_max = 16 * 1024 * 1024;
/// Messages that are worked on at a time.
constexpr std::size_t in_flight_max = 64;

/// Answers that are written one after the other, whoever has them.
class answer_writer {
public:
  void begin() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return in_flight_ < in_flight_max; });
    ++in_flight_;
  }
  void end(const std::optional<json::object>& message) {
    std::lock_guard guard{mutex_};
    if (message)
      std::cout << to_json_text(*message) << std::endl;
    --in_flight_;
    changed_.notify_all();
  }
  void notify(const json::object& message) {
    std::lock_guard guard{mutex_};
    std::cout << to_json_text(message) << std::endl;
  }
  void wait() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return in_flight_ == 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t in_flight_ = 0;
};

bool is_notification(const json::value& message, std::string_view name) {
  auto object = message.if_object();
  auto method = object != nullptr ? object->if_contains("method") : nullptr;
  return method != nullptr && method->is_string()
         && method->get_string() == name;
}

/// One agent, and what it is told unasked.
class conversation {
public:
  explicit conversation(const client& bound) : bound_(bound) {}

  void take(const json::value& message) {
    if (is_notification(message, "notifications/initialized"))
      begin_notifications();
    if (is_notification(message, "notifications/cancelled"))
      cancel(message);
    out.begin();
    if (server::is_listen(message))
      return out.end(listen(message));
    server::handle_mcp(bound_, message, wanted_,
                       [this](const auto& answer) { out.end(answer); });
  }

  answer_writer out;

private:
  /// Of the revisions that begin with `initialize`.
  void begin_notifications() {
    if (!notifier_)
      notifier_.emplace(
        bound_,
        [this](const memory_event& event) {
          return server::mcp_notifications(bound_, *wanted_, event);
        },
        [this](const auto& message) { out.notify(message); });
  }

  /// Answers why a request is not listened to; a listener is answered at its
  /// end, and that is the process's.
  std::optional<json::object> listen(const json::value& message) {
    std::optional<json::object> refused;
    auto refuse = [&refused](auto why) { refused = std::move(why); };
    auto call = server::read_rpc_call(message, refuse);
    if (!call)
      return refused;
    auto name = json::serialize(call->id);
    if (listeners_.size() >= listeners_max || listeners_.contains(name))
      return server::rpc_error(call->id, server::rpc_invalid_params,
                               "there is a subscription of that id, or there "
                               "are too many; cancel some");
    auto listener = server::mcp_listener::read(bound_, *call, refuse);
    if (!listener)
      return refused;
    out.notify(listener->acknowledged());
    listeners_.try_emplace(
      name, bound_,
      [this, listener = *listener](const memory_event& event) {
        return listener.told(bound_, event);
      },
      [this](const auto& told) { out.notify(told); });
    return std::nullopt;
  }

  void cancel(const json::value& message) {
    boost::system::error_code none;
    auto id = message.find_pointer("/params/requestId", none);
    if (id != nullptr)
      listeners_.erase(json::serialize(*id));
  }

  static constexpr std::size_t listeners_max = 100;

  const client bound_;
  server::mcp_subscriptions_ptr wanted_
    = std::make_shared<server::mcp_subscriptions>();
  std::optional<mcp_notifier> notifier_;
  /// By the ids of their requests.
  std::map<std::string, mcp_notifier> listeners_;
};

} // namespace

bool read_message(std::string& line) {
  line.clear();
  for (int letter = 0; (letter = std::cin.get()) != EOF && letter != '\n';)
    if (line.size() < line_bytes_max)
      line.push_back(static_cast<char>(letter));
  return !line.empty() || std::cin;
}

void serve_embedded(const client& bound) {
  conversation with{bound};
  for (std::string line; read_message(line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    auto message = wire::parse_json(line);
    if (message)
      with.take(*message);
    else
      with.out.notify(server::rpc_error(nullptr, server::rpc_parse_error,
                                        message.error().detail));
  }
  with.out.wait();
}

} // namespace cloister::cli
