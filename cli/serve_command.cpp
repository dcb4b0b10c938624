// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/context.hpp"
#include "cli/server_note.hpp"
#include "server/server.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct serve_arguments {
  std::string listen = "127.0.0.1:7077";
  server::server_options server;
  std::string checkpoint_command;
  std::string checkpoint_interval = "5m";
  std::string drain_timeout = "30s";
  std::string transfer_timeout = "20s";
  std::string idle_timeout = "75s";
  bool prints_config = false;
};

/// "HOST:PORT", "[::1]:7077", ":7077" for all addresses.
result<void> read_address(const std::string& text,
                          server::server_options& out) {
  error malformed{errc::invalid_argument,
                  "--listen takes HOST:PORT, like 127.0.0.1:7077"};
  auto colon = text.rfind(':');
  if (colon == std::string::npos)
    return malformed;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  unsigned port = 0;
  auto end = text.data() + text.size();
  auto [at, code] = std::from_chars(text.data() + colon + 1, end, port);
  if (code != std::errc{} || at != end || port > 65'535)
    return malformed;
  out.host = host.empty() ? "0.0.0.0" : host;
  out.port = static_cast<std::uint16_t>(port);
  return {};
}

/// Tells systemd, or whoever else waits for it, how far the server is.
void notify(const std::string& state) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  auto path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path)
    return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  // An abstract one begins with a NUL.
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0';
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path)
                                     + std::strlen(path));
  auto descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return;
  static_cast<void>(::sendto(descriptor, state.data(), state.size(), 0,
                             reinterpret_cast<const sockaddr*>(&address),
                             size));
  ::close(descriptor);
}

/// Connections and the store share the descriptors there are.
void raise_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
  }
}

/// What connections may have of them.
std::size_t connections_within(std::size_t wanted) {
  constexpr std::size_t kept_for_the_store = 1'024;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0
      || limit.rlim_cur >= wanted + kept_for_the_store)
    return wanted;
  auto out = limit.rlim_cur > 2 * kept_for_the_store
               ? limit.rlim_cur - kept_for_the_store
               : limit.rlim_cur / 2;
  std::cerr << "cloister: warning: only " << limit.rlim_cur
            << " descriptors are allowed, so that there are at most " << out
            << " connections; raise that with ulimit -n\n";
  return out;
}

sigset_t stop_signals() {
  sigset_t out;
  sigemptyset(&out);
  sigaddset(&out, SIGINT);
  sigaddset(&out, SIGTERM);
  // The terminal is gone, unless that was to make no difference (nohup): a
  // signal that is blocked is not ignored any more.
  struct sigaction before {};
  if (::sigaction(SIGHUP, nullptr, &before) == 0
      && before.sa_handler != SIG_IGN)
    sigaddset(&out, SIGHUP);
  return out;
}

/// Waits for the first signal, and lets the second one hurry.
void serve_until_told(server::http_server& running, bool is_quiet) {
  auto signals = stop_signals();
  int which = 0;
  while (::sigwait(&signals, &which) != 0) {
  }
  notify("STOPPING=1");
  if (!is_quiet)
    std::cerr << "Stopping; what is in flight is finished. Again to hurry.\n";
  running.stop();
  timespec at_once{};
  while (!running.wait_for(std::chrono::milliseconds{50}))
    if (::sigtimedwait(&signals, nullptr, &at_once) > 0)
      running.hurry();
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void print_config(const context& shared, const serve_arguments& asked) {
  const auto& server = asked.server;
  print_json(
    json::object{{"data", shared.data_dir},
                 {"allow-personal-ids", shared.allow_personal_ids},
                 {"master-key-file", shared.key.file.value_or("")},
                 {"listen", asked.listen},
                 {"tls-cert", server.tls_certificate},
                 {"tls-key", server.tls_key},
                 {"threads", server.threads},
                 {"allow-origin", json::value_from(server.allowed_origins)},
                 {"connections-max", server.connections_max},
                 {"in-flight-max", server.in_flight_max},
                 {"body-bytes-max", server.body_bytes_max},
                 {"allow-private-webhooks", server.allow_private_webhooks},
                 {"bodies-bytes-max", server.bodies_bytes_max},
                 {"log-level", server.log.level},
                 {"log-file", server.log.file},
                 {"log-names", server.log.names},
                 {"drain-timeout", asked.drain_timeout},
                 {"transfer-timeout", asked.transfer_timeout},
                 {"idle-timeout", asked.idle_timeout},
                 {"checkpoint-command", asked.checkpoint_command},
                 {"checkpoint-interval", asked.checkpoint_interval}});
}

result<runtime_options> store_options(const context& shared,
                                      const serve_arguments& asked) {
  auto out = shared.store_options();
  if (out.has_error() || asked.checkpoint_command.empty())
    return out;
  auto interval = parse_duration(asked.checkpoint_interval);
  if (interval.has_error())
    return interval.error();
  out->checkpoint_command = asked.checkpoint_command;
  out->checkpoint_interval = *interval;
  return out;
}

exit_code run_serve(context& shared, serve_arguments asked) {
  for (auto [text, into] :
       {std::pair{&asked.drain_timeout, &asked.server.drain_timeout},
        std::pair{&asked.transfer_timeout, &asked.server.transfer_timeout},
        std::pair{&asked.idle_timeout, &asked.server.idle_timeout}}) {
    auto span = parse_duration(*text);
    if (span.has_error())
      return fail(span.error());
    *into = *span;
  }
  if (auto done = read_address(asked.listen, asked.server); done.has_error())
    return fail(done.error());
  if (asked.server.tls_certificate.empty() != asked.server.tls_key.empty())
    return fail(
      {errc::invalid_argument,
       "TLS wants a certificate and its key; give both --tls-cert and "
       "--tls-key"});
  if (asked.prints_config) {
    print_config(shared, asked);
    return exit_code::done;
  }
  auto options = store_options(shared, asked);
  if (options.has_error())
    return fail(options.error());
  raise_descriptors();
  asked.server.connections_max
    = connections_within(asked.server.connections_max);
  // Of all threads that are made from here on; this one asks for them.
  auto signals = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto opened = runtime::open(*options);
  if (opened.has_error())
    return fail(shared.told_of_server(opened.error()));
  auto sealed = opened->sealed();
  auto started = server::http_server::start(std::move(*opened), asked.server);
  if (started.has_error())
    return fail(started.error());
  auto running = std::move(*started);
  server_note note{shared.data_dir, running->url()};
  if (sealed)
    std::cerr << "cloister: warning: sealed: " << sealed->detail << '\n';
  if (asked.server.tls_certificate.empty() && !is_loopback(asked.server.host))
    std::cerr << "cloister: warning: without TLS, at an address that others "
                 "reach: keys and memories pass in the clear; give --tls-cert "
                 "and --tls-key, or put it behind something that has TLS\n";
  if (!shared.style.quiet)
    std::cout << "Serving " << shared.data_dir << " at " << running->url()
              << std::endl;
  notify("READY=1");
  serve_until_told(*running, shared.style.quiet);
  return exit_code::done;
}

} // namespace

void add_serve_command(CLI::App& app, context& shared) {
  auto asked = std::make_shared<serve_arguments>();
  auto serve
    = app.add_subcommand("serve", "Serve the store to agents over HTTP (REST)");
  auto& server = asked->server;
  serve->add_option("--listen", asked->listen, "Where to listen, HOST:PORT")
    ->capture_default_str()
    ->envname("CLOISTER_LISTEN");
  serve->add_option("--tls-cert", server.tls_certificate,
                    "A certificate with its chain, as PEM");
  serve->add_option("--tls-key", server.tls_key, "Its private key, as PEM");
  serve->add_option("--threads", server.threads,
                    "Threads that read and write; 0 for one for each core");
  serve
    ->add_option("--connections-max", server.connections_max,
                 "Connections at a time; more are turned away")
    ->capture_default_str();
  serve
    ->add_option("--in-flight-max", server.in_flight_max,
                 "Requests that are worked on at a time; more get 503")
    ->capture_default_str();
  serve
    ->add_option("--body-bytes-max", server.body_bytes_max,
                 "The longest body of a request")
    ->capture_default_str();
  serve
    ->add_option("--bodies-bytes-max", server.bodies_bytes_max,
                 "All bodies that are read or answered at a time")
    ->capture_default_str();
  serve->add_option("--allow-origin", server.allowed_origins,
                    "A web page's origin that may use MCP, like "
                    "https://app.example");
  serve->add_flag("--allow-private-webhooks", server.allow_private_webhooks,
                  "Webhooks of mem0's API may lead to this machine and to "
                  "private networks");
  serve
    ->add_option("--log-level", server.log.level,
                 "info: each request; warn: those that failed here; off")
    ->check(CLI::IsMember({"info", "warn", "off"}))
    ->capture_default_str();
  serve->add_option("--log-file", server.log.file,
                    "Where to; standard error if absent");
  serve->add_flag("--log-names", server.log.names,
                  "Write names of scopes into the log, not tags");
  serve
    ->add_option("--drain-timeout", asked->drain_timeout,
                 "How long a stop waits for what is in flight")
    ->capture_default_str();
  serve
    ->add_option("--transfer-timeout", asked->transfer_timeout,
                 "How long a request may take to arrive, and an answer to be "
                 "taken")
    ->capture_default_str();
  serve
    ->add_option("--idle-timeout", asked->idle_timeout,
                 "How long a connection may be silent between requests")
    ->capture_default_str();
  serve->add_option("--checkpoint-command", asked->checkpoint_command,
                    "Gets a signed audit checkpoint on its standard input "
                    "every so often, to keep elsewhere");
  serve->add_option("--checkpoint-interval", asked->checkpoint_interval)
    ->capture_default_str();
  serve->add_flag("--print-config", asked->prints_config,
                  "Print what would be used, and end");
  serve->footer(
    "Ends on SIGINT, SIGTERM or SIGHUP, once what is in flight is finished; a "
    "second "
    "one hurries.\nAll options can stand in the file of --config, in a section "
    "[serve].\nExamples:\n  cloister serve --data memory\n  cloister serve "
    "--listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key key.pem\n  curl "
    "-H \"Authorization: Bearer $CLOISTER_API_KEY\" "
    "http://127.0.0.1:7077/v1/memories");
  serve->callback([&shared, asked] {
    shared.run = [asked](context& with) { return run_serve(with, *asked); };
  });
}

} // namespace cloister::cli
