// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/mcp_notifier.hpp"
#include "cli/server_note.hpp"
#include "core/json_text.hpp"
#include "runtime/session.hpp"
#include "server/http_client.hpp"
#include "server/mcp.hpp"
#include "wire/object_reader.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// Of a message; the longest memory, escaped, and then some.
constexpr std::size_t line_bytes_max = 16 * 1024 * 1024;
/// Messages that are worked on at a time.
constexpr std::size_t in_flight_max = 64;

/// A line of standard input, or nothing after the last. What is too long is
/// cut, and is no JSON then.
bool read_message(std::string& line) {
  line.clear();
  for (int letter = 0; (letter = std::cin.get()) != EOF && letter != '\n';)
    if (line.size() < line_bytes_max)
      line.push_back(static_cast<char>(letter));
  return !line.empty() || std::cin;
}

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

bool is_initialized(const json::value& message) {
  auto object = message.if_object();
  auto method = object != nullptr ? object->if_contains("method") : nullptr;
  return method != nullptr && *method == "notifications/initialized";
}

void serve_embedded(const client& bound) {
  answer_writer out;
  auto wanted = std::make_shared<server::mcp_subscriptions>();
  std::optional<mcp_notifier> notifier;
  for (std::string line; read_message(line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    out.begin();
    auto message = wire::parse_json(line);
    if (message && is_initialized(*message) && !notifier)
      notifier.emplace(bound, wanted, [&out](const auto& notification) {
        out.notify(notification);
      });
    if (message)
      server::handle_mcp(bound, *message, wanted,
                         [&out](const auto& answer) { out.end(answer); });
    else
      out.end(server::rpc_error(nullptr, server::rpc_parse_error,
                                message.error().detail));
  }
  out.wait();
}

/// The id of a request; `null` for what is none.
json::value id_in(const std::string& line) {
  auto message = wire::parse_json(line);
  if (message && message->is_object() && message->get_object().contains("id"))
    return message->get_object().at("id");
  return nullptr;
}

/// What a server says about a message that it does not answer.
json::object refused_by_server(const std::string& line,
                               const server::http_response& answer) {
  auto problem = wire::parse_json(answer.body);
  std::string detail
    = "the server answered HTTP " + std::to_string(answer.status);
  if (problem && problem->is_object()
      && problem->get_object().contains("detail"))
    detail = std::string{problem->get_object().at("detail").as_string()};
  return server::rpc_error(id_in(line), server::rpc_invalid_request, detail);
}

/// What a server says unasked does not come this way.
std::string without_notifications(std::string answer) {
  auto message = wire::parse_json(answer);
  if (!message || !message->is_object())
    return answer;
  boost::system::error_code none;
  auto resources
    = message->find_pointer("/result/capabilities/resources", none);
  if (resources == nullptr || !resources->is_object())
    return answer;
  resources->get_object()["subscribe"] = false;
  resources->get_object()["listChanged"] = false;
  return to_json_text(*message);
}

bool wants_notifications(const std::string& line) {
  auto message = wire::parse_json(line);
  auto object = message ? message->if_object() : nullptr;
  auto method = object != nullptr ? object->if_contains("method") : nullptr;
  return method != nullptr
         && (*method == "resources/subscribe"
             || *method == "resources/unsubscribe");
}

/// Hands messages to a server and its answers back.
exit_code serve_through(const context& shared, const std::string& url,
                        bool in_session) {
  auto to = server::http_client::to(url);
  if (to.has_error())
    return fail(to.error());
  server::http_client::headers headers{
    {"Authorization", "Bearer " + shared.api_key},
    {"Content-Type", "application/json"},
    {"Accept", "application/json, text/event-stream"}};
  if (!shared.user_id.empty())
    headers.emplace_back("X-User-ID", shared.user_id);
  if (in_session)
    headers.emplace_back("Cloister-Session", "ephemeral");
  auto is_session
    = [](const auto& each) { return each.first == "Mcp-Session-Id"; };
  for (std::string line; read_message(line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (wants_notifications(line)) {
      std::cout << to_json_text(server::rpc_error(
        id_in(line), server::rpc_method_not_found,
        "through a server nothing is told unasked; this connection has no "
        "subscriptions"))
                << std::endl;
      continue;
    }
    auto answer = to->ask(server::http_method::post, "/mcp", headers, line);
    if (answer.has_error()) {
      std::cout << to_json_text(server::rpc_error(
        id_in(line), server::rpc_internal_error, answer.error().detail))
                << std::endl;
      continue;
    }
    auto session = std::find_if(answer->headers.begin(), answer->headers.end(),
                                is_session);
    if (session != answer->headers.end()) {
      std::erase_if(headers, is_session);
      headers.push_back(*session);
    }
    auto is_rpc = answer->content_type == "application/json";
    if (!answer->body.empty())
      std::cout << (is_rpc ? without_notifications(answer->body)
                           : to_json_text(refused_by_server(line, *answer)))
                << std::endl;
  }
  static_cast<void>(to->ask(server::http_method::remove, "/mcp", headers));
  return exit_code::done;
}

/// Where to go instead, if somebody else has the store.
std::optional<std::string> server_of(const context& shared, const error& why) {
  if (why.code != errc::unavailable)
    return std::nullopt;
  return server_note::read(shared.data_dir);
}

exit_code run_mcp(context& shared, bool in_session) {
  if (auto known = shared.check_identity(); known.has_error())
    return fail(known.error());
  if (shared.api_key.empty())
    return fail({errc::unauthenticated,
                 "an API key is needed; give --api-key or CLOISTER_API_KEY"});
  if (!shared.url.empty())
    return serve_through(shared, shared.url, in_session);
  auto bound = shared.open_client();
  if (bound.has_error()) {
    if (auto url = server_of(shared, bound.error()))
      return serve_through(shared, *url, in_session);
    return fail(bound.error());
  }
  if (!in_session) {
    serve_embedded(*bound);
    return exit_code::done;
  }
  auto opened = bound->open_session();
  if (opened.has_error())
    return fail(opened.error());
  serve_embedded(opened->memories());
  auto receipt = opened->close();
  return receipt ? exit_code::done : fail(receipt.error());
}

} // namespace

void add_mcp_command(CLI::App& app, context& shared) {
  auto in_session = std::make_shared<bool>(false);
  auto mcp = app.add_subcommand(
    "mcp", "Serve one agent over standard input and output (MCP)");
  mcp->add_flag("--session", *in_session,
                "Use a session of its own, which vanishes with all its "
                "memories at the end");
  mcp->footer(
    "For the configuration of an agent's program: whose memories it has is "
    "said by --user-id,\nand nothing that the agent says changes it. Uses the "
    "store, or the server that has it.\nExample:\n  cloister mcp --user-id "
    "user_sarah --data memory");
  mcp->callback([&shared, in_session] {
    shared.run
      = [in_session](context& with) { return run_mcp(with, *in_session); };
  });
}

} // namespace cloister::cli
