// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Part of connection.cpp, which knows Asio.

#include <array>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>

#include "server/deadline.hpp"
#include "server/text_stream.hpp"

namespace cloister::server {

/// Writes an answer without an end to a connection, and notices when nobody
/// listens any more. What it does runs on the connection's strand; it lives as
/// long as something of it is pending, and its connection with it.
template <class Stream>
class stream_writer
  : public std::enable_shared_from_this<stream_writer<Stream>> {
public:
  stream_writer(std::shared_ptr<void> connection, Stream& to,
                std::shared_ptr<text_stream> from, bool is_chunked,
                deadline& until, std::chrono::milliseconds timeout)
    : connection_(std::move(connection)),
      to_(to),
      from_(std::move(from)),
      is_chunked_(is_chunked),
      until_(until),
      timeout_(timeout),
      timer_(to.get_executor()) {}

  void start() {
    until_.never();
    await_end();
    from_->start([weak = this->weak_from_this()] {
      if (auto self = weak.lock())
        boost::asio::post(self->to_.get_executor(), [self] { self->wake(); });
    });
    await_silence();
    wake();
  }

  /// Ends it as it should end.
  void stop() {
    if (is_over_)
      return;
    is_over_ = true;
    timer_.cancel();
    if (is_writing_ || !is_chunked_)
      return close();
    until_.after(timeout_);
    boost::asio::async_write(to_, boost::beast::http::make_chunk_last(),
                             [self = this->shared_from_this()](
                               const auto&, std::size_t) { self->close(); });
  }

private:
  using error_code = boost::system::error_code;

  /// Proxies and clients drop what is silent for long.
  static constexpr std::chrono::seconds silence_max{15};
  /// Whoever listens has nothing to say.
  static constexpr std::size_t ignored_bytes_max = 64 * 1024;

  void await_end() {
    to_.async_read_some(
      boost::asio::buffer(ignored_),
      [self = this->shared_from_this()](const error_code& failed,
                                        std::size_t bytes) {
        self->ignored_bytes_ += bytes;
        if (failed || self->ignored_bytes_ > ignored_bytes_max)
          return self->close();
        self->await_end();
      });
  }

  void await_silence() {
    timer_.expires_after(silence_max);
    timer_.async_wait(
      [weak = this->weak_from_this()](const error_code& failed) {
        auto self = weak.lock();
        if (failed || !self || self->is_over_)
          return;
        if (self->from_->wants_retry())
          self->is_woken_ = true;
        if (!self->is_busy_ && self->from_->has_comments()) {
          self->is_busy_ = true;
          self->write(":\n\n");
        }
        self->await_silence();
      });
  }

  void wake() {
    is_woken_ = true;
    if (!is_busy_)
      go_on();
  }

  void go_on() {
    if (is_over_ || !is_woken_)
      return;
    is_busy_ = true;
    is_woken_ = false;
    from_->next([self = this->shared_from_this()](auto piece) {
      boost::asio::post(self->to_.get_executor(),
                        [self, piece = std::move(piece)]() mutable {
                          self->take(std::move(piece));
                        });
    });
  }

  void take(std::optional<std::string> piece) {
    if (is_over_)
      return;
    if (!piece) {
      is_busy_ = false;
      return from_->has_failed() ? close() : stop();
    }
    if (piece->empty()) {
      is_busy_ = false;
      return go_on();
    }
    // There may be more.
    is_woken_ = true;
    write(std::move(*piece));
  }

  void write(std::string piece) {
    is_writing_ = true;
    auto kept = std::make_shared<const std::string>(std::move(piece));
    auto written = [self = this->shared_from_this(),
                    kept](const error_code& failed, std::size_t) {
      self->until_.never();
      self->is_writing_ = false;
      self->is_busy_ = false;
      if (failed || self->is_over_)
        return self->close();
      self->go_on();
    };
    until_.after(timeout_);
    if (is_chunked_)
      boost::asio::async_write(
        to_, boost::beast::http::make_chunk(boost::asio::buffer(*kept)),
        std::move(written));
    else
      boost::asio::async_write(to_, boost::asio::buffer(*kept),
                               std::move(written));
  }

  void close() {
    is_over_ = true;
    from_->cancel();
    timer_.cancel();
    error_code ignored;
    to_.lowest_layer().close(ignored);
  }

  std::shared_ptr<void> connection_;
  Stream& to_;
  std::shared_ptr<text_stream> from_;
  const bool is_chunked_;
  deadline& until_;
  const std::chrono::milliseconds timeout_;
  boost::asio::steady_timer timer_;
  std::array<char, 512> ignored_{};
  std::size_t ignored_bytes_ = 0;
  /// A piece is asked for, or written.
  bool is_busy_ = false;
  bool is_writing_ = false;
  bool is_woken_ = false;
  bool is_over_ = false;
};

} // namespace cloister::server
