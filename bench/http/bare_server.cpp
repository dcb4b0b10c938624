// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// The limit that the server is held against: Beast, which answers every request
// with the same bytes.
//
//   cloister_bench_bare_server PORT BODY_BYTES THREADS

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

class connection : public std::enable_shared_from_this<connection> {
public:
  connection(asio::ip::tcp::socket socket, std::size_t body_bytes)
    : stream_(std::move(socket)), body_(body_bytes, 'x') {}

  void read() {
    request_ = {};
    http::async_read(
      stream_, buffer_, request_,
      [self = shared_from_this()](const error_code& failed, std::size_t) {
        if (!failed)
          self->write();
      });
  }

private:
  void write() {
    response_ = {};
    response_.version(request_.version());
    response_.keep_alive(request_.keep_alive());
    response_.set(http::field::content_type, "application/json");
    response_.body() = body_;
    response_.prepare_payload();
    http::async_write(
      stream_, response_,
      [self = shared_from_this()](const error_code& failed, std::size_t) {
        if (!failed)
          self->read();
      });
  }

  beast::tcp_stream stream_;
  std::string body_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

void accept(asio::io_context& io, asio::ip::tcp::acceptor& from,
            std::size_t body_bytes) {
  from.async_accept(asio::make_strand(io), [&io, &from, body_bytes](
                                             const error_code& failed,
                                             asio::ip::tcp::socket socket) {
    if (failed)
      return;
    socket.set_option(asio::ip::tcp::no_delay{true});
    std::make_shared<connection>(std::move(socket), body_bytes)->read();
    accept(io, from, body_bytes);
  });
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4)
    return EXIT_FAILURE;
  asio::io_context io;
  auto port = static_cast<std::uint16_t>(std::stoi(argv[1]));
  asio::ip::tcp::acceptor acceptor{io,
                                   {asio::ip::make_address("127.0.0.1"), port}};
  std::cout << acceptor.local_endpoint().port() << std::endl;
  accept(io, acceptor, std::stoul(argv[2]));
  std::vector<std::thread> threads;
  for (int i = 0; i < std::stoi(argv[3]); ++i)
    threads.emplace_back([&io] { io.run(); });
  for (auto& each : threads)
    each.join();
}
