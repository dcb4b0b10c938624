// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// One of the two sources that know Beast.

#include "server/connection.hpp"

#include <optional>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "core/encoding.hpp"
#include "server/exchange.hpp"
#include "server/problem.hpp"
#include "server/route.hpp"
#include "server/stream_writer.hpp"

namespace cloister::server {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using boost::system::error_code;

/// Of what is read before it is known what it is.
constexpr std::size_t first_read_bytes = 4096;
/// Bodies up to this are not counted.
constexpr std::size_t small_body_bytes = 16 * 1024;

using plain_stream = beast::tcp_stream;
using tls_stream = beast::ssl_stream<beast::tcp_stream>;

http_method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return http_method::get;
    case http::verb::head:
      return http_method::head;
    case http::verb::post:
      return http_method::post;
    case http::verb::put:
      return http_method::put;
    case http::verb::patch:
      return http_method::patch;
    case http::verb::delete_:
      return http_method::remove;
    case http::verb::options:
      return http_method::options;
    default:
      return http_method::other;
  }
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (auto& letter : out)
    if (letter >= 'A' && letter <= 'Z')
      letter = static_cast<char>(letter - 'A' + 'a');
  return out;
}

http_request plain_request(http::request<http::string_body>&& from,
                           const std::string& peer) {
  http_request out;
  out.method = method_of(from.method());
  out.target = std::string{from.target()};
  for (const auto& field : from)
    out.headers.emplace_back(lower(field.name_string()),
                             std::string{field.value()});
  out.body = std::move(from.body());
  out.peer = peer;
  return out;
}

/// What a request that cannot be read is answered with; nothing where nobody
/// listens any more.
std::optional<std::pair<error, unsigned>> unreadable(const error_code& why) {
  constexpr unsigned headers_too_large = 431;
  if (why == http::error::header_limit)
    return std::pair{error{errc::too_large, "the headers are too long"},
                     headers_too_large};
  if (why == http::error::body_limit)
    return std::pair{error{errc::too_large, "the body is too long"}, 0u};
  if (why == beast::error::timeout)
    return std::pair{error{errc::timeout, "the request took too long to "
                                          "arrive"},
                     408u};
  if (why.category() == make_error_code(http::error::bad_target).category()
      && why != http::error::end_of_stream
      && why != http::error::partial_message)
    return std::pair{error{errc::invalid_argument, "this is not HTTP/1.1"}, 0u};
  return std::nullopt;
}

/// For what was not read as far as a request.
http_response nameless(const error& why, unsigned status = 0) {
  auto id = to_hex(view_of(new_request_id()));
  auto out = problem(why, id, status);
  out.headers.emplace_back("X-Request-ID", id);
  return out;
}

/// It was done, and there is no room for what it answers.
http_response unanswerable(const http_response& answer) {
  std::string id;
  for (const auto& [name, value] : answer.headers)
    if (name == "X-Request-ID")
      id = value;
  auto out = problem({errc::unavailable,
                      "too much is being answered at a time; what was asked "
                      "for may have been done, read it again later",
                      limits::overload_retry_hint},
                     id);
  out.headers.emplace_back("X-Request-ID", id);
  return out;
}

template <class Stream>
class connection final
  : public open_connection,
    public std::enable_shared_from_this<connection<Stream>> {
public:
  template <class... Arguments>
  connection(std::shared_ptr<connections> of, std::string peer,
             Arguments&&... arguments)
    : of_(std::move(of)),
      peer_(std::move(peer)),
      stream_(std::forward<Arguments>(arguments)...) {}

  ~connection() override {
    of_->remove(number_);
  }

  /// False if there are too many.
  bool begin() {
    number_ = of_->add(this->weak_from_this());
    if (number_ == 0)
      return false;
    asio::dispatch(stream_.get_executor(),
                   [self = this->shared_from_this()] { self->shake_hands(); });
    return true;
  }

  void drain() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      self->is_draining_ = true;
      if (auto writer = self->streaming_.lock())
        writer->stop();
      if (self->is_idle_)
        self->tcp().cancel();
    });
  }

  void abort() override {
    asio::post(stream_.get_executor(),
               [self = this->shared_from_this()] { self->tcp().close(); });
  }

private:
  beast::tcp_stream& tcp() {
    return beast::get_lowest_layer(stream_);
  }

  void shake_hands() {
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      tcp().expires_after(of_->options.transfer_timeout);
      stream_.async_handshake(
        asio::ssl::stream_base::server,
        [self = this->shared_from_this()](const error_code& failed) {
          if (!failed)
            self->await_request();
        });
    } else {
      await_request();
    }
  }

  // -- reading --

  /// Whoever says nothing may take longer than whoever has begun.
  void await_request() {
    share_.release();
    if (is_draining_)
      return close();
    if (buffer_.size() > 0)
      return read_header();
    is_idle_ = true;
    tcp().expires_after(of_->options.idle_timeout);
    stream_.async_read_some(buffer_.prepare(first_read_bytes),
                            [self = this->shared_from_this()](
                              const error_code& failed, std::size_t bytes) {
                              self->is_idle_ = false;
                              if (failed)
                                return self->close();
                              self->buffer_.commit(bytes);
                              self->read_header();
                            });
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(
      static_cast<std::uint32_t>(of_->options.header_bytes_max));
    parser_->body_limit(of_->options.body_bytes_max);
    tcp().expires_after(of_->options.transfer_timeout);
    http::async_read_header(
      stream_, buffer_, *parser_,
      [self = this->shared_from_this()](const error_code& failed, std::size_t) {
        if (failed)
          return self->refuse(failed);
        self->on_header();
      });
  }

  void on_header() {
    const auto& head = parser_->get();
    version_ = head.version();
    keeps_alive_ = head.keep_alive();
    is_head_ = head.method() == http::verb::head;
    // What is not understood would be taken for the next request.
    if (head.count(http::field::transfer_encoding) > 0
        && (!parser_->chunked() || head.version() < 11))
      return refuse(
        {errc::invalid_argument, "this Transfer-Encoding is not understood"});
    if (head.count(http::field::host) > 1)
      return refuse({errc::invalid_argument, "the header host was sent twice"});
    // What does not say how long it is may be as long as any.
    auto size = parser_->content_length().value_or(
      parser_->chunked() ? of_->options.body_bytes_max : 0);
    // Nobody keeps others from sending without at least naming a key.
    if (size > small_body_bytes && head.count(http::field::authorization) == 0
        && head.count("X-API-Key") == 0)
      return refuse(
        {errc::unauthenticated, "the request has no API key, and a long body"});
    if (size > small_body_bytes && !share_.reserve(of_->requests, size))
      return refuse({errc::overloaded,
                     "too much is being sent at a time; try again",
                     limits::overload_retry_hint});
    if (!parser_->is_done()
        && beast::iequals(head[http::field::expect], "100-continue"))
      return invite_body();
    read_body();
  }

  void invite_body() {
    auto go_on = std::make_shared<http::response<http::empty_body>>(
      http::status::continue_, version_);
    http::async_write(stream_, *go_on,
                      [self = this->shared_from_this(),
                       go_on](const error_code& failed, std::size_t) {
                        if (!failed)
                          self->read_body();
                      });
  }

  void read_body() {
    if (parser_->is_done())
      return on_request();
    http::async_read(
      stream_, buffer_, *parser_,
      [self = this->shared_from_this()](const error_code& failed, std::size_t) {
        if (failed)
          return self->refuse(failed);
        self->on_request();
      });
  }

  void on_request() {
    tcp().expires_never();
    auto request = plain_request(parser_->release(), peer_);
    auto answered = [self = this->shared_from_this()](http_response response) {
      asio::post(self->stream_.get_executor(),
                 [self, response = std::move(response)]() mutable {
                   self->write(std::move(response));
                 });
    };
    auto call = std::make_shared<exchange>(of_->of, std::move(request),
                                           std::move(answered));
    std::optional<error> busy;
    if (of_->of->is_draining)
      busy = error{errc::overloaded, "the server is stopping",
                   std::chrono::seconds{1}};
    else if (of_->of->metrics.in_flight
             > static_cast<std::int64_t>(of_->options.in_flight_max))
      busy
        = error{errc::overloaded, "too many requests are in flight; try again",
                limits::overload_retry_hint};
    run_route(call, busy);
  }

  // -- refusing what cannot be read: nothing after it can be, either --

  void refuse(const error_code& failed) {
    auto why = unreadable(failed);
    if (!why)
      return close();
    keeps_alive_ = false;
    write(nameless(why->first, why->second));
  }

  void refuse(const error& why) {
    keeps_alive_ = false;
    write(nameless(why));
  }

  // -- writing --

  void write(http_response response) {
    if (is_draining_)
      keeps_alive_ = false;
    share_.release();
    if (response.body.size() > small_body_bytes
        && !share_.reserve(of_->answers, response.body.size()))
      response = unanswerable(response);
    if (response.stream && !is_head_)
      return begin_stream(std::move(response));
    auto message = std::make_shared<http::response<http::string_body>>();
    set_head(*message, response);
    message->content_length(response.body.size());
    constexpr unsigned not_modified = 304;
    if (!is_head_ && response.status != not_modified)
      message->body() = std::move(response.body);
    tcp().expires_after(of_->options.transfer_timeout);
    http::async_write(stream_, *message,
                      [self = this->shared_from_this(),
                       message](const error_code& failed, std::size_t) {
                        if (failed || !self->keeps_alive_)
                          return self->close();
                        self->await_request();
                      });
  }

  template <class Message>
  void set_head(Message& to, const http_response& from) const {
    to.version(version_);
    to.result(from.status);
    to.keep_alive(keeps_alive_);
    for (const auto& [name, value] : from.headers)
      to.insert(name, value);
    to.set(http::field::content_type, from.content_type);
    to.set(http::field::cache_control, "no-store");
    to.set("X-Content-Type-Options", "nosniff");
  }

  /// Nothing else is asked for on a connection that has one.
  void begin_stream(http_response response) {
    constexpr unsigned with_chunks = 11;
    keeps_alive_ = false;
    parser_.reset();
    buffer_.clear();
    buffer_.shrink_to_fit();
    auto head = std::make_shared<http::response<http::empty_body>>();
    set_head(*head, response);
    head->chunked(version_ >= with_chunks);
    auto serializer
      = std::make_shared<http::response_serializer<http::empty_body>>(*head);
    tcp().expires_after(of_->options.transfer_timeout);
    http::async_write_header(
      stream_, *serializer,
      [self = this->shared_from_this(), head, serializer,
       from = response.stream](const error_code& failed, std::size_t) {
        if (failed || self->is_draining_)
          return self->close();
        auto writer = std::make_shared<stream_writer<Stream>>(
          self, self->stream_, from, head->chunked(),
          self->of_->options.transfer_timeout);
        self->streaming_ = writer;
        writer->start();
      });
  }

  void close() {
    share_.release();
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      tcp().expires_after(of_->options.transfer_timeout);
      stream_.async_shutdown([self = this->shared_from_this()](
                               const error_code&) { self->tcp().close(); });
    } else {
      error_code ignored;
      tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      linger();
    }
  }

  /// Whoever is told why it is refused may still be sending: what is closed
  /// with bytes unread is reset, and the answer lost.
  void linger() {
    tcp().expires_after(std::chrono::seconds{2});
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(first_read_bytes),
                            [self = this->shared_from_this()](
                              const error_code& failed, std::size_t bytes) {
                              self->lingered_ += bytes;
                              constexpr std::size_t lingering_max = 1024 * 1024;
                              if (failed || self->lingered_ > lingering_max)
                                return self->tcp().close();
                              self->linger();
                            });
  }

  std::shared_ptr<connections> of_;
  std::string peer_;
  std::uint64_t number_ = 0;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  body_share share_;
  std::weak_ptr<stream_writer<Stream>> streaming_;
  std::size_t lingered_ = 0;
  unsigned version_ = 11;
  bool keeps_alive_ = false;
  bool is_head_ = false;
  bool is_idle_ = false;
  bool is_draining_ = false;
};

/// Without TLS there is somebody to tell.
void turn_away(asio::ip::tcp::socket socket, connections& of,
               const asio::ssl::context* tls) {
  ++of.of->metrics.refused_connections;
  constexpr std::string_view answer
    = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
      "Connection: close\r\nContent-Length: 0\r\n\r\n";
  error_code ignored;
  socket.non_blocking(true, ignored);
  if (tls == nullptr)
    socket.send(asio::buffer(answer), 0, ignored);
  socket.close(ignored);
}

} // namespace

void serve_connection(asio::ip::tcp::socket socket,
                      std::shared_ptr<connections> of,
                      asio::ssl::context* tls) {
  error_code failed;
  socket.set_option(asio::ip::tcp::no_delay{true}, failed);
  auto peer = socket.remote_endpoint(failed).address().to_string();
  if (failed)
    return;
  // More than there may be are told before anything is kept for them.
  auto begin = [&](const auto& made) {
    if (!made->begin())
      ++of->of->metrics.refused_connections;
  };
  if (of->of->metrics.connections
      >= static_cast<std::int64_t>(of->options.connections_max))
    return turn_away(std::move(socket), *of, tls);
  if (tls != nullptr)
    begin(std::make_shared<connection<tls_stream>>(of, peer, std::move(socket),
                                                   *tls));
  else
    begin(
      std::make_shared<connection<plain_stream>>(of, peer, std::move(socket)));
}

} // namespace cloister::server
