// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"
#include "server/background.hpp"
#include "server/client_cache.hpp"
#include "server/mcp_sessions.hpp"
#include "server/request_log.hpp"
#include "server/request_metrics.hpp"
#include "server/server.hpp"
#include "server/tenant_shares.hpp"
#include "server/webhook_outbox.hpp"

namespace cloister::server {

/// What all requests share. Thread-safe.
struct service {
  runtime store;
  client_cache clients;
  request_log log;
  request_metrics metrics;
  background blocking;
  static constexpr std::size_t mem0_threads_max = 8;
  static constexpr std::size_t mem0_waiting_max = 256;
  /// Requests of mem0's clients, which may look at many scopes.
  background mem0_threads{mem0_threads_max, mem0_waiting_max};
  // What an organization may have of it all.
  tenant_shares requests;
  tenant_shares streams;
  tenant_shares mem0_requests{mem0_waiting_max};
  /// Exports of memories, which are sent as they are read.
  tenant_shares memory_exports{16};
  /// Those of trails, which are gathered, and large: one each.
  tenant_shares audit_exports{4, 1};
  /// Bytes that are read for answers and not yet written, roughly.
  tenant_shares reads{512ul * 1024 * 1024};
  mcp_sessions agents;
  webhook_outbox webhooks;
  /// Web pages from there may use it, besides those of its own address.
  std::vector<std::string> allowed_origins;
  /// It listens on this machine alone: no other name leads to it.
  bool is_loopback = false;
  /// It ends: nothing new is begun, and load balancers are told.
  std::atomic<bool> is_draining{false};
  /// It has waited long enough for what is in flight.
  std::atomic<bool> must_end{false};

  service(runtime opened, const server_options& options)
    : store(std::move(opened)),
      clients(store),
      log(options.log),
      requests(options.in_flight_max),
      streams(options.connections_max),
      webhooks(store, {options.allow_private_webhooks}) {}
};

} // namespace cloister::server
