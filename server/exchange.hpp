// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include "runtime/runtime.hpp"
#include "server/http_message.hpp"
#include "server/service.hpp"
#include "server/tenant_shares.hpp"

namespace cloister::server {

struct route;
struct service;

/// 16 random bytes: names need to differ, and nobody has to be kept from
/// guessing one.
std::array<std::uint8_t, 16> new_request_id();

/// One request and its answer. Shared by whatever works on it; answered once,
/// by whoever is first, on any thread.
class exchange : public std::enable_shared_from_this<exchange> {
public:
  using answer_handler = std::function<void(http_response)>;

  /// What scopes answer is worked on where `executor` says, if there is one.
  exchange(std::shared_ptr<service> of, http_request request,
           answer_handler answered,
           std::shared_ptr<const completion_executor> executor = nullptr);
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  /// Whoever forgot to answer answers `unavailable`.
  ~exchange();

  const http_request& request() const {
    return request_;
  }
  service& of() const {
    return *of_;
  }
  /// 32 hexadecimal digits.
  const std::string& id() const {
    return id_;
  }

  // -- what the router found --

  http_target target;
  const route* where = nullptr;
  /// What is done, where the route alone does not say it.
  std::string operation;
  /// What a pattern's `{name}` stands for.
  std::vector<std::pair<std::string_view, std::string>> path_parameters;

  const std::string& path_parameter(std::string_view name) const;
  std::optional<std::string> query(std::string_view name) const {
    return target.parameter(name);
  }

  // -- who asks --

  /// Of the headers; fails with `unauthenticated`, or with `invalid_argument`
  /// where there are two.
  result<std::string> api_key() const;

  /// The one of the query, the header, or the body's member, which must not
  /// differ; empty for the key's root. Fails with `invalid_argument`.
  result<std::string> user_id(std::optional<std::string> in_body = {}) const;

  /// Calls `work` with the client that the key and the user_id name, or
  /// answers why there is none.
  void with_client(std::function<void(const client&)> work,
                   std::optional<std::string> user_id_in_body = {});
  /// The same for a scope that the path names.
  void with_client_of(const std::string& user_id,
                      std::function<void(const client&)> work);
  /// The same, where a header that names a user_id must not mean another one.
  void with_client_within(const std::string& user_id,
                          std::function<void(const client&)> work);
  /// Counts a stream of the organization, before it is read for the first time;
  /// after `with_client`. False if it answered that there are too many.
  bool take_stream_turn();
  /// The id of the key, which is no secret; empty for what is none.
  const std::string& key_id() const {
    return key_id_;
  }
  /// The client of `with_client`, whose handlers run on the runtime's threads:
  /// for what may last longer than the connection.
  client lasting_client() const;
  /// The same, waited for: on a thread that may block, after `with_client`.
  result<client> client_of(const std::string& user_id) const;
  /// The server's own client of a scope, for what is no tenant's to change;
  /// waited for, like the one before.
  result<client> own_client_of(const scope& name) const;
  /// Calls `work` if the operator's key was given, or answers why not; that a
  /// tenant's key asked for it is in the audit trail, by the operation's name
  /// there.
  void with_operator(std::string_view wanted, std::function<void()> work);

  // -- what is sent --

  /// The body as an object; an empty one for no body. Fails with
  /// `invalid_argument`.
  result<boost::json::object> body() const;

  // -- answers --

  /// What the parts of a memory's answer take, and of some more.
  static constexpr std::size_t first_parts_bytes = 4096;

  /// For logs and metrics, where an answer says by its body that something was
  /// refused.
  void note_outcome(errc code) {
    outcome_ = code;
  }

  void answer(http_response response);
  void answer(unsigned status, const boost::json::value& document);
  /// With the status of the code if it is 0, and further headers.
  void fail(const error& why, unsigned status = 0,
            std::vector<std::pair<std::string, std::string>> headers = {});

  /// Answers `show(value)`, or the error. What has many parts takes the
  /// storage of them all as well, which is given back in one go.
  template <class T, class Show>
  void answer_with(const result<T>& outcome, Show show, unsigned status = 200) {
    if (outcome.has_error())
      return fail(outcome.error());
    if constexpr (std::is_invocable_v<Show, const T&,
                                      boost::json::storage_ptr>) {
      // Most fit without an allocation.
      std::array<unsigned char, first_parts_bytes> first;
      boost::json::monotonic_resource parts{first.data(), first.size()};
      answer(status, show(*outcome, &parts));
    } else {
      answer(status, show(*outcome));
    }
  }

private:
  void refuse_operation(std::string wanted);
  bool take_turn(const client& bound);
  bool share_stream(http_response& response);
  void log(const http_response& response) const;

  std::shared_ptr<service> of_;
  http_request request_;
  answer_handler answered_;
  std::shared_ptr<const completion_executor> executor_;
  std::atomic_flag is_answered_ = ATOMIC_FLAG_INIT;
  std::array<std::uint8_t, 16> request_id_{};
  std::string id_;
  std::chrono::steady_clock::time_point began_;
  /// Of the key; for the log.
  std::string key_id_;
  /// It was proven.
  bool is_operator_ = false;
  std::optional<client> found_;
  /// Of the organization's requests.
  tenant_shares::turn turn_;
  tenant_shares::turn stream_turn_;
  std::optional<client> bound_;
  errc outcome_ = errc::ok;
};

using exchange_ptr = std::shared_ptr<exchange>;

} // namespace cloister::server
