// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Whole requests, from bytes of a connection to an answer: cursors, filters,
// headers, methods and routes. The first byte says whether a key that is good
// is sent along.

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "core/assert.hpp"
#include "server/route.hpp"
#include "tests/fuzz/live_store.hpp"

namespace {

using namespace cloister;
namespace http = boost::beast::http;

std::shared_ptr<server::service> shared_service() {
  static auto out = [] {
    server::server_options options;
    options.log = {"off"};
    return std::make_shared<server::service>(
      fuzz::live_store::of_process().opened, options);
  }();
  return out;
}

/// As a connection reads it; nothing for what is no request.
std::optional<server::http_request> request_in(std::string_view bytes) {
  constexpr std::uint32_t header_max = 80 * 1024;
  http::request_parser<http::string_body> parser;
  parser.header_limit(header_max);
  parser.eager(true);
  boost::system::error_code failed;
  parser.put(boost::asio::buffer(bytes), failed);
  if (failed || !parser.is_done())
    return std::nullopt;
  auto from = parser.release();
  server::http_request out;
  for (auto [verb, method] :
       {std::pair{http::verb::get, server::http_method::get},
        std::pair{http::verb::post, server::http_method::post},
        std::pair{http::verb::patch, server::http_method::patch},
        std::pair{http::verb::head, server::http_method::head},
        std::pair{http::verb::delete_, server::http_method::remove}})
    if (from.method() == verb)
      out.method = method;
  out.target = std::string{from.target()};
  for (const auto& field : from) {
    std::string name{field.name_string()};
    for (auto& letter : name)
      letter = static_cast<char>(std::tolower(letter));
    out.headers.emplace_back(name, std::string{field.value()});
  }
  out.body = std::move(from.body());
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0)
    return 0;
  fuzz::live_store::of_process().tidy();
  auto request
    = request_in({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!request)
    return 0;
  if (data[0] % 2 == 0)
    request->headers.emplace_back(
      "authorization", "Bearer " + fuzz::live_store::of_process().key.api_key);
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<server::http_response> answer;
  {
    auto call = std::make_shared<server::exchange>(
      shared_service(), std::move(*request),
      [&](server::http_response response) {
        std::lock_guard guard{mutex};
        CLOISTER_ASSERT(!answer);
        answer = std::move(response);
        changed.notify_all();
      });
    server::run_route(call);
  }
  std::unique_lock guard{mutex};
  changed.wait(guard, [&] { return answer.has_value(); });
  CLOISTER_ASSERT(answer->status >= 200 && answer->status < 600);
  // A mistake of the request is never one of ours.
  CLOISTER_ASSERT(answer->status != 500);
  return 0;
}
