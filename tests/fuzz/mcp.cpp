// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Messages of MCP, to an agent's end.

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "core/assert.hpp"
#include "server/mcp.hpp"
#include "server/mcp_listener.hpp"
#include "tests/fuzz/live_store.hpp"
#include "wire/object_reader.hpp"

#include <boost/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace cloister;
  auto message = wire::parse_json({reinterpret_cast<const char*>(data), size});
  if (message.has_error())
    return 0;
  auto& store = fuzz::live_store::of_process();
  store.tidy();
  static auto bound = store.opened.client(store.key, "user_fuzz").value();
  static_cast<void>(server::mcp_operation(*message));
  auto ignore = [](const auto&) {};
  if (server::is_listen(*message))
    if (auto call = server::read_rpc_call(*message, ignore))
      if (auto listener = server::mcp_listener::read(bound, *call, ignore))
        static_cast<void>(listener->acknowledged());
  std::mutex mutex;
  std::condition_variable changed;
  int answers = 0;
  static auto wanted = std::make_shared<server::mcp_subscriptions>();
  server::handle_mcp(bound, *message, wanted, [&](auto answer) {
    std::lock_guard guard{mutex};
    CLOISTER_ASSERT(!answer || answer->at("jsonrpc") == "2.0");
    ++answers;
    changed.notify_all();
  });
  std::unique_lock guard{mutex};
  changed.wait(guard, [&] { return answers > 0; });
  CLOISTER_ASSERT(answers == 1);
  return 0;
}
