// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/server.hpp"

#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "server/connection.hpp"

namespace cloister::server {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::chrono::milliseconds answer_poll{5};

/// Fails with what OpenSSL says, which has no secrets.
result<std::unique_ptr<asio::ssl::context>>
make_tls(const server_options& options) {
  auto out
    = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code failed;
  out->set_options(
    asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1
      | asio::ssl::context::no_tlsv1_1 | asio::ssl::context::single_dh_use,
    failed);
  out->use_certificate_chain_file(options.tls_certificate, failed);
  if (failed)
    return error{errc::invalid_argument,
                 "the TLS certificate " + options.tls_certificate
                   + " cannot be used (" + failed.message()
                   + "); give a PEM file with the whole chain"};
  // Nobody is asked for a passphrase: a server starts without anybody there.
  bool is_encrypted = false;
  out->set_password_callback(
    [&is_encrypted](std::size_t, asio::ssl::context::password_purpose) {
      is_encrypted = true;
      return std::string{};
    },
    failed);
  out->use_private_key_file(options.tls_key, asio::ssl::context::pem, failed);
  // It refers to what is gone after this.
  error_code ignored;
  out->set_password_callback(
    [](std::size_t, asio::ssl::context::password_purpose) {
      return std::string{};
    },
    ignored);
  if (failed && is_encrypted)
    return error{errc::invalid_argument,
                 "the TLS key " + options.tls_key
                   + " has a passphrase; give one without, like `openssl pkey "
                     "-in KEY -out PLAIN` makes it, readable by the server "
                     "alone"};
  if (failed)
    return error{errc::invalid_argument,
                 "the TLS key " + options.tls_key + " cannot be used ("
                   + failed.message() + "); give the certificate's, as PEM"};
  return out;
}

} // namespace

class http_server::impl {
public:
  impl(runtime store, const server_options& options,
       std::unique_ptr<asio::ssl::context> tls)
    : of_(std::make_shared<connections>(
      std::make_shared<service>(std::move(store), options), options)),
      tls_(std::move(tls)),
      threads_wanted_(options.threads != 0
                        ? options.threads
                        : std::max(1u, std::thread::hardware_concurrency())) {}

  ~impl() {
    stop();
    hurry();
    // Answers that are outstanding still refer to what is destroyed here.
    while (!wait_for(of_->options.drain_timeout)) {
    }
    // The last to let go of the service must not be one of its own threads.
    while (of_->of.use_count() > 1)
      std::this_thread::sleep_for(answer_poll);
    end();
  }

  result<void> listen() {
    const auto& options = of_->options;
    error_code failed;
    asio::ip::tcp::resolver resolver{io_};
    auto found = resolver.resolve(options.host, std::to_string(options.port),
                                  asio::ip::tcp::resolver::passive, failed);
    if (failed || found.empty())
      return error{errc::invalid_argument,
                   "there is no address " + options.host};
    auto endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), failed);
    acceptor_.set_option(asio::socket_base::reuse_address{true}, failed);
    acceptor_.bind(endpoint, failed);
    if (!failed)
      acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (failed)
      return error{errc::unavailable,
                   "cannot listen at " + options.host + ':'
                     + std::to_string(options.port) + " (" + failed.message()
                     + "); choose another address with --listen"};
    port_ = acceptor_.local_endpoint(failed).port();
    of_->of->is_loopback = endpoint.address().is_loopback();
    of_->of->allowed_origins = options.allowed_origins;
    accept();
    look_later();
    for (std::size_t i = 0; i < threads_wanted_; ++i)
      threads_.emplace_back([this] { run(); });
    return {};
  }

  std::uint16_t port() const {
    return port_;
  }
  std::string url() const {
    auto host = of_->options.host;
    if (host.find(':') != std::string::npos)
      host = '[' + host + ']';
    return (tls_ ? "https://" : "http://") + host + ':' + std::to_string(port_);
  }

  void stop() {
    if (of_->of->is_draining.exchange(true))
      return;
    deadline_ = std::chrono::steady_clock::now() + of_->options.drain_timeout;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
    });
    of_->drain_all();
  }

  void hurry() {
    deadline_ = std::chrono::steady_clock::now();
    of_->of->must_end = true;
    of_->abort_all();
  }

  bool wait_for(std::chrono::milliseconds time) {
    auto until = std::chrono::steady_clock::now() + time;
    while (!of_->wait_for_none(answer_poll) || of_->of->metrics.in_flight > 0) {
      auto now = std::chrono::steady_clock::now();
      if (of_->of->is_draining && now >= deadline_.load()) {
        of_->of->must_end = true;
        of_->abort_all();
      }
      if (now >= until)
        return false;
      // What nobody waits for any more comes to its end.
      if (of_->of->metrics.in_flight > 0)
        std::this_thread::sleep_for(answer_poll);
    }
    return of_->of->is_draining;
  }

private:
  /// What a connection throws ends that connection alone.
  void run() {
    for (;;)
      try {
        io_.run();
        return;
      } catch (...) {
        // What it says may quote what was sent.
        of_->of->log.event("exception", "a connection was dropped");
      }
  }

  void accept() {
    acceptor_.async_accept(
      asio::make_strand(io_),
      [this](const error_code& failed, tcp_socket socket) {
        if (failed == asio::error::operation_aborted || !acceptor_.is_open())
          return;
        // Too many descriptors, for instance.
        if (failed)
          return accept_later();
        accept();
        serve_connection(std::move(socket), of_, tls_.get());
      });
  }

  void look_later() {
    constexpr std::chrono::milliseconds between_looks{250};
    looks_.expires_after(between_looks);
    looks_.async_wait([this](const error_code& failed) {
      if (failed)
        return;
      // First, so that nothing that goes wrong is the last look.
      look_later();
      of_->look_at_all();
    });
  }

  void accept_later() {
    timer_.expires_after(accept_pause);
    timer_.async_wait([this](const error_code&) {
      if (acceptor_.is_open())
        accept();
    });
  }

  void end() {
    work_.reset();
    io_.stop();
    for (auto& each : threads_)
      each.join();
  }

  std::shared_ptr<connections> of_;
  std::unique_ptr<asio::ssl::context> tls_;
  std::size_t threads_wanted_;
  asio::io_context io_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>>
    work_{asio::make_work_guard(io_)};
  asio::ip::tcp::acceptor acceptor_{asio::make_strand(io_)};
  asio::steady_timer timer_{acceptor_.get_executor()};
  asio::steady_timer looks_{acceptor_.get_executor()};
  std::uint16_t port_ = 0;
  std::vector<std::thread> threads_;
  std::atomic<std::chrono::steady_clock::time_point> deadline_{
    std::chrono::steady_clock::time_point::max()};
};

http_server::http_server(std::unique_ptr<impl> parts)
  : impl_(std::move(parts)) {}

http_server::~http_server() = default;

result<std::unique_ptr<http_server>>
http_server::start(runtime store, const server_options& options) {
  std::unique_ptr<asio::ssl::context> tls;
  if (!options.tls_certificate.empty() || !options.tls_key.empty()) {
    auto made = make_tls(options);
    if (made.has_error())
      return made.error();
    tls = std::move(*made);
  }
  std::unique_ptr<impl> parts;
  try {
    parts = std::make_unique<impl>(std::move(store), options, std::move(tls));
  } catch (const std::exception& failed) {
    return error{errc::unavailable,
                 "the log cannot be written (" + std::string{failed.what()}
                   + "); choose another file with --log-file"};
  }
  if (auto done = parts->listen(); done.has_error())
    return done.error();
  return std::make_unique<http_server>(std::move(parts));
}

std::uint16_t http_server::port() const {
  return impl_->port();
}

std::string http_server::url() const {
  return impl_->url();
}

void http_server::stop() {
  impl_->stop();
}

void http_server::hurry() {
  impl_->hurry();
}

bool http_server::wait_for(std::chrono::milliseconds time) {
  return impl_->wait_for(time);
}

} // namespace cloister::server
