// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "runtime/runtime.hpp"
#include "server/request_log.hpp"

namespace cloister::server {

/// How a server listens, and what it bears.
struct server_options {
  std::string host = "127.0.0.1";
  /// 0 for a free one.
  std::uint16_t port = 7077;
  /// PEM files; without them there is no TLS.
  std::string tls_certificate = {};
  std::string tls_key = {};
  /// Threads that read and write; 0 for one for each core.
  std::size_t threads = 0;
  /// Fewer than the 20,000 descriptors that systems often allow: the store
  /// needs some.
  std::size_t connections_max = 16'000;
  /// Requests that are worked on; more are refused with 503.
  std::size_t in_flight_max = 2'048;
  /// A narrowed key has up to 8 KiB, and a filter in the address, which is
  /// escaped there, up to 48. Beast 1.81 throws on a field of 64 KiB or more,
  /// so that all of them must be shorter.
  std::size_t header_bytes_max = 63 * 1024;
  std::size_t body_bytes_max = 16 * 1024 * 1024;
  /// Of all bodies that are read or answered at a time.
  std::size_t bodies_bytes_max = 256 * 1024 * 1024;
  /// For a request to arrive whole, and for an answer to be taken.
  std::chrono::milliseconds transfer_timeout{20'000};
  /// Between two requests of a connection.
  std::chrono::milliseconds idle_timeout{75'000};
  /// For what is in flight when it is told to stop.
  std::chrono::milliseconds drain_timeout{30'000};
  /// Origins of web pages that may use it, like "https://app.example".
  std::vector<std::string> allowed_origins = {};
  log_options log = {};
  /// Webhooks may lead to this machine and to private networks.
  bool allow_private_webhooks = false;
};

/// A server over an opened store. Thread-safe.
class http_server {
public:
  /// Listens. Fails with `unavailable` where that cannot be, and with
  /// `invalid_argument` for certificates that are none.
  static result<std::unique_ptr<http_server>>
  start(runtime store, const server_options& options);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  /// Stops at once.
  ~http_server();

  /// Where it listens.
  std::uint16_t port() const;
  std::string url() const;

  /// Takes nothing new, and lets what is in flight finish, up to the timeout of
  /// the options.
  void stop();
  /// Ends that waiting.
  void hurry();
  /// Whether it has stopped, within a time.
  bool wait_for(std::chrono::milliseconds time);

  class impl;
  explicit http_server(std::unique_ptr<impl> parts);

private:
  std::unique_ptr<impl> impl_;
};

} // namespace cloister::server
