// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/mcp_bridge.hpp"

#include <algorithm>
#include <iostream>

#include <boost/json.hpp>

#include "cli/mcp_stdio.hpp"
#include "core/json_text.hpp"
#include "server/base64.hpp"
#include "server/http_client.hpp"
#include "server/mcp_stateless.hpp"
#include "wire/answers.hpp"
#include "wire/object_reader.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// A line as far as this end has to understand it.
struct sent_message {
  /// `null` for what is no request.
  json::value id;
  std::string method;
  /// Of a revision that says what it is by itself.
  std::optional<std::string> version;
  /// The tool or the resource that is asked for.
  std::string name;
};

std::string text_at(const json::value& in, const char* pointer) {
  boost::system::error_code none;
  auto found = in.find_pointer(pointer, none);
  return found != nullptr && found->is_string()
           ? std::string{found->get_string()}
           : std::string{};
}

sent_message understood(const std::string& line) {
  sent_message out;
  auto message = wire::parse_json(line);
  if (!message || !message->is_object())
    return out;
  if (auto id = message->get_object().if_contains("id"))
    out.id = *id;
  out.method = text_at(*message, "/method");
  out.name = text_at(*message, out.method == "resources/read" ? "/params/uri"
                                                              : "/params/name");
  if (server::is_stateless(*message))
    if (auto call = server::read_rpc_call(*message, [](const auto&) {}))
      out.version = server::mcp_version_of(*call);
  return out;
}

/// A text as a header may have it.
std::string header_value(const std::string& text) {
  auto is_plain = [](char letter) { return letter > ' ' && letter < 0x7f; };
  if (std::all_of(text.begin(), text.end(), is_plain)
      && !text.starts_with("=?base64?"))
    return text;
  return "=?base64?" + server::to_base64(text) + "?=";
}

using headers = server::http_client::headers;

/// What such a revision wants said twice.
void add_stateless_headers(headers& to, const sent_message& sent) {
  if (!sent.version)
    return;
  to.emplace_back("MCP-Protocol-Version", header_value(*sent.version));
  to.emplace_back("Mcp-Method", header_value(sent.method));
  if (!sent.name.empty())
    to.emplace_back("Mcp-Name", header_value(sent.name));
}

/// What a server says about a message that it does not answer.
json::object refused_by_server(const sent_message& sent,
                               const server::http_response& answer) {
  auto problem = wire::parse_json(answer.body);
  std::string detail
    = "the server answered HTTP " + std::to_string(answer.status);
  if (problem && problem->is_object()
      && problem->get_object().contains("detail"))
    detail = std::string{problem->get_object().at("detail").as_string()};
  return server::rpc_error(sent.id, server::rpc_invalid_request, detail);
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

bool wants_notifications(const sent_message& sent) {
  return sent.method == "resources/subscribe"
         || sent.method == "resources/unsubscribe"
         || sent.method == "subscriptions/listen";
}

/// The server, as one agent sees it.
class bridge {
public:
  bridge(server::http_client to, headers always)
    : to_(std::move(to)), always_(std::move(always)) {}

  /// What to say to a message; nothing for what has no answer.
  std::string answer(const std::string& line) {
    auto sent = understood(line);
    if (wants_notifications(sent))
      return to_json_text(server::rpc_error(
        sent.id, server::rpc_method_not_found,
        "through a server nothing is told unasked; this connection has no "
        "subscriptions"));
    auto answer = ask(sent, line);
    if (answer.has_error())
      return to_json_text(server::rpc_error(sent.id, server::rpc_internal_error,
                                            answer.error().detail));
    if (is_forgotten(*answer, sent) && begin_again())
      answer = ask(sent, line);
    if (answer.has_error())
      return to_json_text(server::rpc_error(sent.id, server::rpc_internal_error,
                                            answer.error().detail));
    if (sent.method == "initialize")
      hello_ = line;
    remember_session(*answer);
    if (answer->body.empty())
      return {};
    if (answer->content_type == "application/json")
      return without_notifications(answer->body);
    // Nobody waits for the answer to what is no request.
    return sent.id.is_null() && !sent.method.empty()
             ? std::string{}
             : to_json_text(refused_by_server(sent, *answer));
  }

  void end() {
    if (has_session_)
      static_cast<void>(to_.ask(server::http_method::remove, "/mcp", always_));
  }

private:
  result<server::http_response> ask(const sent_message& sent,
                                    const std::string& line) {
    auto with = always_;
    add_stateless_headers(with, sent);
    return to_.ask(server::http_method::post, "/mcp", with, line);
  }

  /// The server was started again: whoever speaks over standard input does not
  /// know, and has nothing to begin anew.
  bool is_forgotten(const server::http_response& answer,
                    const sent_message& sent) const {
    constexpr unsigned not_found = 404;
    return answer.status == not_found && has_session_ && !sent.version
           && sent.method != "initialize";
  }

  bool begin_again() {
    std::erase_if(always_, is_session);
    auto answer = ask({}, hello_);
    if (answer.has_error())
      return false;
    remember_session(*answer);
    return true;
  }

  static bool is_session(const std::pair<std::string, std::string>& header) {
    return header.first == "Mcp-Session-Id";
  }

  void remember_session(const server::http_response& answer) {
    auto is_session
      = [](const auto& each) { return each.first == "Mcp-Session-Id"; };
    auto session
      = std::find_if(answer.headers.begin(), answer.headers.end(), is_session);
    if (session == answer.headers.end())
      return;
    std::erase_if(always_, is_session);
    always_.push_back(*session);
    has_session_ = true;
  }

  server::http_client to_;
  headers always_;
  bool has_session_ = false;
  /// What the connection was begun with.
  std::string hello_;
};

/// A session of Cloister for as long as the agent's program runs.
class brief_session {
public:
  static result<brief_session> open(const std::string& url,
                                    const headers& always) {
    auto to = server::http_client::to(url);
    if (to.has_error())
      return to.error();
    brief_session out{std::move(*to), always};
    auto answer
      = out.to_.ask(server::http_method::post, "/v1/sessions", always, "{}");
    if (answer.has_error())
      return answer.error();
    constexpr unsigned first_failure = 300;
    if (answer->status >= first_failure)
      return wire::parse_problem(answer->status, answer->body);
    auto made = wire::parse_json(answer->body);
    out.scope_ = made ? text_at(*made, "/scope") : std::string{};
    if (out.scope_.empty())
      return error{errc::unavailable, "the server answered something else than "
                                      "a session"};
    return out;
  }

  const std::string& scope() const {
    return scope_;
  }

  void end() {
    std::erase_if(always_,
                  [](const auto& each) { return each.first == "X-User-ID"; });
    static_cast<void>(to_.ask(server::http_method::remove,
                              "/v1/sessions/" + server::percent_encoded(scope_),
                              always_));
  }

private:
  brief_session(server::http_client to, headers always)
    : to_(std::move(to)), always_(std::move(always)) {}

  server::http_client to_;
  headers always_;
  std::string scope_;
};

} // namespace

exit_code serve_through(const context& shared, const std::string& url,
                        bool in_session) {
  auto to = server::http_client::to(url);
  if (to.has_error())
    return fail(to.error());
  headers always{{"Authorization", "Bearer " + shared.api_key},
                 {"Content-Type", "application/json"},
                 {"Accept", "application/json, text/event-stream"}};
  if (!shared.user_id.empty())
    always.emplace_back("X-User-ID", shared.user_id);
  std::optional<brief_session> session;
  if (in_session) {
    auto opened = brief_session::open(url, always);
    if (opened.has_error())
      return fail(opened.error());
    session.emplace(std::move(*opened));
    std::erase_if(always,
                  [](const auto& each) { return each.first == "X-User-ID"; });
    always.emplace_back("X-User-ID", session->scope());
  }
  bridge with{std::move(*to), std::move(always)};
  for (std::string line; read_message(line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (auto text = with.answer(line); !text.empty())
      std::cout << text << std::endl;
  }
  with.end();
  if (session)
    session->end();
  return exit_code::done;
}

} // namespace cloister::cli
