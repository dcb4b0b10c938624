// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <boost/asio/ip/tcp.hpp>

#include "server/connections.hpp"

namespace boost::asio::ssl {
class context;
}

namespace cloister::server {

/// Serves a connection: requests one after the other, in the order in which
/// they came. `tls` may be none, and outlives it.
void serve_connection(boost::asio::ip::tcp::socket socket,
                      std::shared_ptr<connections> of,
                      boost::asio::ssl::context* tls);

} // namespace cloister::server
