// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_answers.hpp"

#include "core/json_text.hpp"

namespace cloister::server {

void answer_rpc(const exchange_ptr& call, const boost::json::object& message,
                unsigned status,
                std::vector<std::pair<std::string, std::string>> headers) {
  http_response out;
  out.status = status;
  out.headers = std::move(headers);
  out.body = to_json_text(message);
  call->note_outcome(rpc_outcome(message));
  call->answer(std::move(out));
}

mcp_reply holding(std::shared_ptr<void> what, mcp_reply reply) {
  return [what = std::move(what),
          reply = std::move(reply)](std::optional<boost::json::object> answer) {
    reply(std::move(answer));
  };
}

void accept_rpc(const exchange_ptr& call) {
  constexpr unsigned accepted = 202;
  http_response out;
  out.status = accepted;
  call->answer(std::move(out));
}

} // namespace cloister::server
