// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include "server/connections.hpp"

namespace boost::asio::ssl {
class context;
}

namespace cloister::server {

/// Named as what it is: an executor of any kind costs a virtual call and a copy
/// with each operation.
using tcp_socket = boost::asio::basic_stream_socket<
  boost::asio::ip::tcp,
  boost::asio::strand<boost::asio::io_context::executor_type>>;

/// Serves a connection: requests one after the other, in the order in which
/// they came. `tls` may be none, and outlives it.
void serve_connection(tcp_socket socket, std::shared_ptr<connections> of,
                      boost::asio::ssl::context* tls);

} // namespace cloister::server
