// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// One of the two sources that know Beast.

#include "server/http_client.hpp"

#include <algorithm>

#include <boost/asio/io_context.hpp>
#include <openssl/err.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <sys/socket.h>

#include "core/limits.hpp"
#include "server/public_address.hpp"

namespace cloister::server {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

struct server_address {
  bool is_secure = false;
  std::string host;
  std::string port;
  std::string prefix;
};

result<server_address> parse_url(std::string_view url) {
  error malformed{errc::invalid_argument,
                  "a server's URL looks like http://127.0.0.1:7077"};
  server_address out;
  constexpr std::string_view plain = "http://";
  constexpr std::string_view secure = "https://";
  out.is_secure = url.starts_with(secure);
  if (!out.is_secure && !url.starts_with(plain))
    return malformed;
  url.remove_prefix(out.is_secure ? secure.size() : plain.size());
  auto slash = std::min(url.find('/'), url.size());
  out.prefix = std::string{url.substr(slash)};
  while (out.prefix.ends_with('/'))
    out.prefix.pop_back();
  auto host = url.substr(0, slash);
  auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == host.npos) {
    out.port = std::string{host.substr(colon + 1)};
    host = host.substr(0, colon);
  } else {
    out.port = out.is_secure ? "443" : "80";
  }
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  out.host = std::string{host};
  if (out.host.empty() || out.port.empty()
      || out.port.find_first_not_of("0123456789") != std::string::npos
      || out.port.size() > 5 || std::stoul(out.port) > 65535)
    return malformed;
  return out;
}

bool is_public(const asio::ip::address& address) {
  if (address.is_v4())
    return is_public_address(address.to_v4().to_bytes());
  auto bytes = address.to_v6().to_bytes();
  if (address.to_v6().is_v4_mapped())
    return is_public_address(std::span{bytes}.last(4));
  return is_public_address(bytes);
}

error private_error() {
  return {errc::invalid_argument,
          "the address is this machine's, or in a private network; the "
          "operator can allow that (--allow-private-webhooks)"};
}

} // namespace

class http_client::impl {
public:
  impl(server_address to, http_client_options how)
    : to_(std::move(to)), how_(how) {
    error_code ignored;
    tls_.set_default_verify_paths(ignored);
    tls_.set_verify_mode(asio::ssl::verify_peer, ignored);
  }

  result<http_response> ask(http_method method, const std::string& target,
                            const headers& sent, std::string body) {
    http::request<http::string_body> message{
      http::string_to_verb(to_string(method)), to_.prefix + target, 11};
    auto is_address = to_.host.find(':') != std::string::npos;
    message.set(http::field::host,
                (is_address ? '[' + to_.host + ']' : to_.host) + ':'
                  + to_.port);
    message.set(http::field::user_agent, "cloister");
    for (const auto& [name, value] : sent) {
      auto is_control = [](char letter) {
        return static_cast<unsigned char>(letter) < ' ' || letter == 0x7f;
      };
      // It would be another header, or another request.
      if (std::any_of(value.begin(), value.end(), is_control))
        return error{errc::invalid_argument,
                     "what is to be sent as " + name
                       + " has a line break or another control character; "
                         "see where it comes from"};
      message.set(name, value);
    }
    message.body() = std::move(body);
    message.prepare_payload();
    // One that was kept may have been closed by the server meanwhile: nothing
    // of the request was read then.
    if (is_open() && was_closed())
      close();
    if (!is_open()) {
      if (auto done = open(); done.has_error())
        return done.error();
    }
    error_code failed;
    http::response_parser<http::string_body> parser;
    parser.body_limit(how_.body_bytes_max);
    transfer(message, parser, failed);
    if (failed) {
      close();
      return no_answer(failed);
    }
    if (!parser.get().keep_alive())
      close();
    return plain(parser.release());
  }

  std::optional<error> refused_address() {
    auto found = addresses();
    if (found && found->empty())
      return private_error();
    return std::nullopt;
  }

private:
  using endpoints = std::vector<asio::ip::tcp::endpoint>;

  /// Those that it may connect to.
  result<endpoints> addresses() {
    error_code failed;
    asio::ip::tcp::resolver resolver{io_};
    auto found = resolver.resolve(to_.host, to_.port, failed);
    if (failed)
      return no_answer(failed);
    endpoints out;
    for (const auto& each : found)
      if (!how_.only_public || is_public(each.endpoint().address()))
        out.push_back(each.endpoint());
    return out;
  }

  bool is_open() const {
    return plain_ || secure_;
  }

  beast::tcp_stream& tcp() {
    return secure_ ? beast::get_lowest_layer(*secure_) : *plain_;
  }

  bool was_closed() {
    char byte = 0;
    auto found = ::recv(tcp().socket().native_handle(), &byte, 1,
                        MSG_PEEK | MSG_DONTWAIT);
    return found >= 0;
  }

  result<void> open() {
    auto found = addresses();
    if (found.has_error())
      return found.error();
    if (found->empty())
      return private_error();
    error_code failed;
    if (to_.is_secure)
      secure_.emplace(io_, tls_);
    else
      plain_.emplace(io_);
    connect(*found, failed);
    if (!failed && secure_)
      shake_hands(failed);
    if (!failed)
      return {};
    close();
    return no_answer(failed);
  }

  /// Only what is asynchronous has a time-out.
  void connect(const endpoints& to, error_code& failed) {
    tcp().expires_after(how_.patience);
    tcp().async_connect(
      to, [&](const error_code& done, const auto&) { failed = done; });
    io_.restart();
    io_.run();
  }

  void shake_hands(error_code& failed) {
    SSL_set_tlsext_host_name(secure_->native_handle(), to_.host.c_str());
    secure_->set_verify_callback(asio::ssl::host_name_verification{to_.host},
                                 failed);
    if (failed)
      return;
    tcp().expires_after(how_.patience);
    secure_->async_handshake(asio::ssl::stream_base::client,
                             [&](const error_code& done) { failed = done; });
    io_.restart();
    io_.run();
  }

  void transfer(http::request<http::string_body>& message,
                http::response_parser<http::string_body>& parser,
                error_code& failed) {
    // Only what is asynchronous has a time-out.
    auto on = [&](auto& stream) {
      tcp().expires_after(how_.patience);
      http::async_write(
        stream, message, [&](const error_code& written, std::size_t) {
          failed = written;
          if (!failed)
            http::async_read(
              stream, buffer_, parser,
              [&](const error_code& read, std::size_t) { failed = read; });
        });
      io_.restart();
      io_.run();
    };
    if (secure_)
      on(*secure_);
    else
      on(*plain_);
  }

  void close() {
    plain_.reset();
    secure_.reset();
    buffer_.clear();
  }

  error no_answer(const error_code& failed) const {
    auto at = to_.host + ':' + to_.port;
    constexpr int wrong_version = 267; // SSL_R_WRONG_VERSION_NUMBER
    auto is_tls = failed.category() == asio::error::get_ssl_category();
    if (to_.is_secure && is_tls
        && ERR_GET_REASON(static_cast<unsigned long>(failed.value()))
             == wrong_version)
      return {errc::unavailable,
              at + " does not speak TLS; write http:// if that is meant"};
    if (to_.is_secure && is_tls)
      return {errc::unavailable,
              at + " did not prove to be that (" + failed.message()
                + "); name its certificate authority by SSL_CERT_FILE, or see "
                  "the address"};
    if (!to_.is_secure && failed == http::error::end_of_stream)
      return {errc::unavailable,
              at
                + " closed the connection without a word; if it has TLS, "
                  "write https://",
              limits::overload_retry_hint};
    return {errc::unavailable,
            "no answer from " + to_.host + ':' + to_.port + " ("
              + failed.message() + "); is a server running there?",
            limits::overload_retry_hint};
  }

  static http_response plain(http::response<http::string_body>&& from) {
    http_response out;
    out.status = from.result_int();
    out.content_type = std::string{from[http::field::content_type]};
    for (const auto& field : from)
      out.headers.emplace_back(std::string{field.name_string()},
                               std::string{field.value()});
    out.body = std::move(from.body());
    return out;
  }

  server_address to_;
  http_client_options how_;
  asio::io_context io_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::optional<beast::tcp_stream> plain_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
  beast::flat_buffer buffer_;
};

http_client::http_client(std::unique_ptr<impl> parts)
  : impl_(std::move(parts)) {}
http_client::http_client(http_client&&) noexcept = default;
http_client& http_client::operator=(http_client&&) noexcept = default;
http_client::~http_client() = default;

result<http_client> http_client::to(std::string_view url,
                                    http_client_options how) {
  auto parsed = parse_url(url);
  if (parsed.has_error())
    return parsed.error();
  return http_client{std::make_unique<impl>(std::move(*parsed), how)};
}

std::optional<error> http_client::refused_address() {
  return impl_->refused_address();
}

result<http_response> http_client::ask(http_method method,
                                       const std::string& target,
                                       const headers& sent, std::string body) {
  return impl_->ask(method, target, sent, std::move(body));
}

} // namespace cloister::server
