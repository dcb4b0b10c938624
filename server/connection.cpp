// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// One of the two sources that know Beast.

#include "server/connection.hpp"

#include <optional>

#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "core/encoding.hpp"
#include "server/deadline.hpp"
#include "server/exchange.hpp"
#include "server/problem.hpp"
#include "server/response_head.hpp"
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
/// For a request to arrive that was being sent when a stop was asked for.
constexpr std::chrono::milliseconds draining_read_timeout{1'000};
/// Bodies up to this are not counted.
constexpr std::size_t small_body_bytes = 16 * 1024;

using plain_stream = tcp_socket;
using tls_stream = asio::ssl::stream<tcp_socket>;

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

std::optional<std::string> key_in(const http::fields& head) {
  auto own = head["X-API-Key"];
  if (!own.empty())
    return std::string{own};
  auto authorization = head[http::field::authorization];
  auto given = credentials_of({authorization.data(), authorization.size()});
  return given ? std::optional{std::string{*given}} : std::nullopt;
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
  if (why == asio::error::timed_out)
    return std::pair{error{errc::timeout, "the request took too long to "
                                          "arrive"},
                     408u};
  if (why.category() == make_error_code(http::error::bad_target).category()
      && why != http::error::end_of_stream
      && why != http::error::partial_message)
    return std::pair{error{errc::invalid_argument, "this is not HTTP/1.1"}, 0u};
  return std::nullopt;
}

std::string reason_of(const http_response& of) {
  auto text = http::obsolete_reason(static_cast<http::status>(of.status));
  return {text.data(), text.size()};
}

/// For what was not read as far as a request; it is in the log all the same.
http_response nameless(service& of, const std::string& peer, const error& why,
                       unsigned status = 0) {
  auto id = to_hex(view_of(new_request_id()));
  auto out = problem(why, id, status);
  out.headers.emplace_back("X-Request-ID", id);
  of.metrics.count("none", to_string(why.code), {});
  if (of.log.wants(out.status))
    of.log.request({id,
                    "?",
                    "none",
                    "none",
                    "",
                    "",
                    out.status,
                    to_string(why.code),
                    {},
                    peer});
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

  /// False if there are too many.
  bool begin() {
    number_ = of_->add(this->weak_from_this());
    if (number_ == 0)
      return false;
    listed_ = {of_, number_};
    // One that came while the others were told.
    if (of_->of->is_draining)
      drain();
    asio::dispatch(stream_.get_executor(),
                   [self = this->shared_from_this()] { self->shake_hands(); });
    return true;
  }

  void drain() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      self->is_draining_ = true;
      if (auto writer = self->streaming_.lock())
        writer->stop();
      else if (self->is_idle_)
        self->cancel();
      else if (self->is_reading_)
        // What has not arrived is no work yet; it may be about to.
        self->until_.after(draining_read_timeout);
    });
  }

  void abort() override {
    asio::post(stream_.get_executor(),
               [self = this->shared_from_this()] { self->cut_off(); });
  }

  void look(deadline::clock::time_point now) override {
    if (!until_.has_passed(now))
      return;
    asio::post(stream_.get_executor(), [self = this->shared_from_this(), now] {
      // It may have got on since.
      if (!self->until_.has_passed(now))
        return;
      // Cancelling reaches what waits, and not what is about to go on: that is
      // looked at once more.
      if (self->is_late_)
        return self->cut_off();
      self->is_late_ = true;
      self->until_.after(std::chrono::milliseconds{1});
      self->cancel();
    });
  }

private:
  void cancel() {
    error_code ignored;
    stream_.lowest_layer().cancel(ignored);
  }

  void cut_off() {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

  void shake_hands() {
    is_reading_ = true;
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      until_.after(of_->options.transfer_timeout);
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
    is_reading_ = false;
    is_late_ = false;
    room_.reset();
    if (is_draining_)
      return close();
    if (buffer_.size() > 0)
      return read_header();
    is_idle_ = true;
    until_.after(of_->options.idle_timeout);
    stream_.async_read_some(buffer_.prepare(first_read_bytes),
                            [self = this->shared_from_this()](
                              const error_code& failed, std::size_t bytes) {
                              self->is_idle_ = false;
                              if (failed)
                                return self->close_idle();
                              self->buffer_.commit(bytes);
                              self->read_header();
                            });
  }

  void read_header() {
    is_reading_ = true;
    // Nothing is left of the one before, which may be what cannot be read.
    is_head_ = false;
    version_ = http_1_1;
    parser_.emplace();
    parser_->header_limit(
      static_cast<std::uint32_t>(of_->options.header_bytes_max));
    parser_->body_limit(of_->options.body_bytes_max);
    until_.after(of_->options.transfer_timeout);
    // Most are there at once.
    if (auto failed = parse(); failed != http::error::need_more)
      return failed ? refuse(failed) : on_header();
    http::async_read_header(
      stream_, buffer_, *parser_,
      [self = this->shared_from_this()](const error_code& failed, std::size_t) {
        if (failed)
          return self->refuse(failed);
        self->on_header();
      });
  }

  /// Hands what was read to the parser.
  error_code parse() {
    error_code failed;
    buffer_.consume(parser_->put(buffer_.data(), failed));
    return failed;
  }

  void on_header() {
    const auto& head = parser_->get();
    version_ = head.version();
    keeps_alive_ = head.keep_alive();
    is_head_ = head.method() == http::verb::head;
    headers_ = std::distance(head.begin(), head.end());
    // What is not understood would be taken for the next request.
    auto encodings = head.count(http::field::transfer_encoding);
    if (encodings > 0
        && (encodings > 1 || head.version() < 11
            || !beast::iequals(head[http::field::transfer_encoding],
                               "chunked")))
      return refuse(
        {errc::invalid_argument, "this Transfer-Encoding is not understood"});
    if (head.count(http::field::host) > 1)
      return refuse({errc::invalid_argument, "the header host was sent twice"});
    // What does not say how long it is may be as long as any.
    auto size = parser_->content_length().value_or(
      parser_->chunked() ? of_->options.body_bytes_max : 0);
    if (size > small_body_bytes) {
      // Nobody keeps others from sending without a key, nor with a wrong one.
      auto key = key_in(head);
      if (!key)
        return refuse({errc::unauthenticated,
                       "the request has no API key, and a long body"});
      auto known = of_->of->clients.organization_of(*key);
      room_ = known ? of_->requests.take(*known, size)
                    : of_->requests_of_strangers.take({}, size);
      // So that it is known when it comes again.
      if (!room_ && !known)
        of_->of->clients.find(*key, "", [](const result<client>&) {});
      if (!room_)
        return refuse({errc::overloaded,
                       "too much is being sent at a time; try again",
                       limits::overload_retry_hint});
    }
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
    if (!parser_->is_done() && buffer_.size() > 0)
      if (auto failed = parse(); failed && failed != http::error::need_more)
        return refuse(failed);
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
    const auto& whole = parser_->get();
    // What comes behind a body was seen by nobody who stands between.
    if (std::distance(whole.begin(), whole.end()) != headers_)
      return refuse({errc::invalid_argument, "headers stand before the body, "
                                             "and not behind it"});
    is_reading_ = false;
    until_.never();
    auto request = plain_request(parser_->release(), peer_);
    auto answered = [self = this->shared_from_this()](http_response response) {
      asio::dispatch(self->stream_.get_executor(),
                     [self, response = std::move(response)]() mutable {
                       self->take_answer(std::move(response));
                     });
    };
    auto call = std::make_shared<exchange>(of_->of, std::move(request),
                                           std::move(answered), executor_);
    std::optional<error> busy;
    if (of_->of->is_draining)
      busy = error{errc::overloaded, "the server is stopping",
                   std::chrono::seconds{1}};
    else if (of_->of->metrics.in_flight
             > static_cast<std::int64_t>(of_->options.in_flight_max))
      busy
        = error{errc::overloaded, "too many requests are in flight; try again",
                limits::overload_retry_hint};
    is_routing_ = true;
    try {
      run_route(call, busy);
    } catch (...) {
      call->fail({errc::unavailable, "the request could not be worked on; try "
                                     "again"});
    }
    is_routing_ = false;
    if (early_answer_)
      asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
        self->write(*std::exchange(self->early_answer_, std::nullopt));
      });
  }

  /// One that came at once waits for its turn: many requests in a row must not
  /// be answered deeper and deeper on one stack.
  void take_answer(http_response response) {
    if (is_routing_)
      early_answer_ = std::move(response);
    else
      write(std::move(response));
  }

  // -- refusing what cannot be read: nothing after it can be, either --

  void refuse(const error_code& failed) {
    auto is_late = std::exchange(is_late_, false);
    auto why = unreadable(is_late ? asio::error::timed_out : failed);
    if (!why)
      return close();
    keeps_alive_ = false;
    write(nameless(*of_->of, peer_, why->first, why->second));
  }

  void refuse(const error& why) {
    keeps_alive_ = false;
    write(nameless(*of_->of, peer_, why));
  }

  // -- writing --

  void write(http_response response) {
    is_late_ = false;
    if (is_draining_)
      keeps_alive_ = false;
    room_.reset();
    if (response.body.size() > small_body_bytes)
      room_ = of_->answers.take(response.organization, response.body.size());
    if (response.body.size() > small_body_bytes && !room_)
      response = unanswerable(response);
    if (response.stream && !is_head_)
      return begin_stream(std::move(response));
    head_ = head_of(response, reason_of(response), version_, keeps_alive_);
    // What a stream would have is not known.
    if (!response.stream)
      append_header(head_, "Content-Length",
                    std::to_string(response.body.size()));
    head_ += "\r\n";
    constexpr unsigned not_modified = 304;
    body_.clear();
    if (!is_head_ && response.status != not_modified)
      body_ = std::move(response.body);
    until_.after(of_->options.transfer_timeout);
    send({asio::buffer(head_), asio::buffer(body_)});
  }

  /// Most answers are taken at once, without anybody being woken for it.
  void send(std::array<asio::const_buffer, 2> parts) {
    std::size_t sent = 0;
    if constexpr (std::is_same_v<Stream, plain_stream>) {
      error_code failed;
      sent = stream_.write_some(parts, failed);
      if (failed && failed != asio::error::would_block)
        return close();
      if (sent == asio::buffer_size(parts))
        return on_sent();
    }
    auto of_head = std::min(sent, parts[0].size());
    parts[0] += of_head;
    parts[1] += sent - of_head;
    asio::async_write(
      stream_, parts,
      [self = this->shared_from_this()](const error_code& failed, std::size_t) {
        if (failed)
          return self->close();
        self->on_sent();
      });
  }

  void on_sent() {
    // Nobody knows how long it will be idle now.
    body_ = {};
    if (!keeps_alive_)
      return close();
    await_request();
  }

  /// Nothing else is asked for on a connection that has one.
  void begin_stream(http_response response) {
    keeps_alive_ = false;
    parser_.reset();
    buffer_.clear();
    buffer_.shrink_to_fit();
    auto is_chunked = version_ == http_1_1;
    head_ = head_of(response, reason_of(response), version_, keeps_alive_);
    if (is_chunked)
      append_header(head_, "Transfer-Encoding", "chunked");
    head_ += "\r\n";
    until_.after(of_->options.transfer_timeout);
    asio::async_write(
      stream_, asio::buffer(head_),
      [self = this->shared_from_this(), is_chunked,
       from = response.stream](const error_code& failed, std::size_t) {
        if (failed || self->is_draining_)
          return self->close();
        self->head_ = {};
        auto writer = std::make_shared<stream_writer<Stream>>(
          self, self->stream_, from, is_chunked, self->until_,
          self->of_->options.transfer_timeout);
        self->streaming_ = writer;
        writer->start();
      });
  }

  /// Nothing of it is unread that anybody waits for.
  void close_idle() {
    if constexpr (std::is_same_v<Stream, tls_stream>)
      close();
    else
      cut_off();
  }

  void close() {
    // Nothing refers to them any more, and they are counted no longer.
    body_ = {};
    parser_.reset();
    room_.reset();
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      until_.after(of_->options.transfer_timeout);
      stream_.async_shutdown([self = this->shared_from_this()](
                               const error_code&) { self->cut_off(); });
    } else {
      error_code ignored;
      stream_.shutdown(asio::socket_base::shutdown_send, ignored);
      until_.after(std::chrono::seconds{2});
      linger();
    }
  }

  /// Whoever is told why it is refused may still be sending: what is closed
  /// with bytes unread is reset, and the answer lost.
  void linger() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(first_read_bytes),
                            [self = this->shared_from_this()](
                              const error_code& failed, std::size_t bytes) {
                              self->lingered_ += bytes;
                              constexpr std::size_t lingering_max = 1024 * 1024;
                              if (failed || self->lingered_ > lingering_max)
                                return self->cut_off();
                              self->linger();
                            });
  }

  /// Takes it off the list once all else of it is gone: until then the server
  /// waits for it.
  struct listing {
    std::shared_ptr<connections> of;
    std::uint64_t number = 0;

    listing() = default;
    listing(std::shared_ptr<connections> list, std::uint64_t place)
      : of(std::move(list)), number(place) {}
    listing(const listing&) = delete;
    listing& operator=(listing&& other) noexcept {
      of = std::move(other.of);
      number = other.number;
      return *this;
    }
    ~listing() {
      if (of)
        of->remove(number);
    }
  };

  listing listed_;
  std::shared_ptr<connections> of_;
  std::string peer_;
  std::uint64_t number_ = 0;
  Stream stream_;
  /// For what is read or written now.
  deadline until_;
  /// Chunks have headers of their own, which nothing else bounds.
  static constexpr std::size_t buffer_bytes_max = 128 * 1024;
  beast::flat_buffer buffer_{buffer_bytes_max};
  std::optional<http::request_parser<http::string_body>> parser_;
  /// For a body that is read or answered.
  tenant_shares::turn room_;
  /// The answer that is being sent.
  std::string head_;
  std::string body_;
  std::weak_ptr<stream_writer<Stream>> streaming_;
  std::size_t lingered_ = 0;
  unsigned version_ = http_1_1;
  /// How many the request has before its body.
  std::ptrdiff_t headers_ = 0;
  bool keeps_alive_ = false;
  bool is_head_ = false;
  bool is_idle_ = false;
  /// Of a request; also while hands are shaken before the first.
  bool is_reading_ = false;
  bool is_draining_ = false;
  bool is_routing_ = false;
  std::optional<http_response> early_answer_;
  /// Of the strand alone: what a connection waits for does not keep it.
  const std::shared_ptr<const completion_executor> executor_
    = std::make_shared<const completion_executor>(
      [strand = stream_.get_executor()](std::function<void()> work) {
        asio::post(strand, [work = std::move(work)] {
          try {
            work();
          } catch (...) { // NOLINT(bugprone-empty-catch)
            // Who asked is answered where the request ends.
          }
        });
      });
  /// What it did was cancelled because it took too long.
  bool is_late_ = false;
};

/// Without TLS there is somebody to tell.
void turn_away(tcp_socket socket, connections& of, const std::string& peer,
               const asio::ssl::context* tls) {
  ++of.of->metrics.refused_connections;
  auto answer
    = nameless(*of.of, peer,
               {errc::overloaded, "there are too many connections; try again",
                limits::overload_retry_hint});
  auto text = head_of(answer, reason_of(answer), http_1_1, false);
  append_header(text, "Content-Length", std::to_string(answer.body.size()));
  text += "\r\n" + answer.body;
  error_code ignored;
  if (tls == nullptr)
    socket.send(asio::buffer(text), 0, ignored);
  socket.close(ignored);
}

} // namespace

void serve_connection(tcp_socket socket, std::shared_ptr<connections> of,
                      asio::ssl::context* tls) {
  error_code failed;
  socket.set_option(asio::ip::tcp::no_delay{true}, failed);
  // So that writing at once does not wait.
  socket.non_blocking(true, failed);
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
    return turn_away(std::move(socket), *of, peer, tls);
  if (tls != nullptr)
    begin(std::make_shared<connection<tls_stream>>(of, peer, std::move(socket),
                                                   *tls));
  else
    begin(
      std::make_shared<connection<plain_stream>>(of, peer, std::move(socket)));
}

} // namespace cloister::server
