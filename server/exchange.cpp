// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/exchange.hpp"

#include <cstring>
#include <future>
#include <random>

#include "core/encoding.hpp"
#include "core/json_text.hpp"
#include "core/operator_key.hpp"
#include "server/problem.hpp"
#include "server/route.hpp"
#include "server/text_stream.hpp"
#include "wire/object_reader.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

/// Two of these would leave it to chance who asks for what.
constexpr std::array<std::string_view, 5> single_headers{
  "authorization", "x-api-key", "x-user-id", "idempotency-key", "if-match"};

/// "cloister_<id>_…": the id is no secret.
std::string id_of_key(std::string_view api_key) {
  constexpr std::string_view prefix = "cloister_";
  if (!api_key.starts_with(prefix))
    return {};
  auto rest = api_key.substr(prefix.size());
  auto id = rest.substr(0, rest.find('_'));
  // What is no id may be a secret.
  constexpr std::size_t id_characters = 24;
  return id.size() == id_characters ? std::string{id} : std::string{};
}

error no_key() {
  return {errc::unauthenticated,
          "the request has no API key; send one as `Authorization: Bearer KEY` "
          "or `X-API-Key: KEY`"};
}

} // namespace

std::array<std::uint8_t, 16> new_request_id() {
  thread_local std::mt19937_64 random{
    (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  std::array<std::uint8_t, 16> out{};
  for (std::size_t half = 0; half < 2; ++half) {
    auto bits = random();
    std::memcpy(out.data() + 8 * half, &bits, sizeof bits);
  }
  return out;
}

exchange::exchange(std::shared_ptr<service> of, http_request request,
                   answer_handler answered,
                   std::shared_ptr<const completion_executor> executor)
  : of_(std::move(of)),
    request_(std::move(request)),
    answered_(std::move(answered)),
    executor_(std::move(executor)),
    request_id_(new_request_id()),
    id_(to_hex(view_of(request_id_))),
    began_(std::chrono::steady_clock::now()) {
  ++of_->metrics.in_flight;
}

exchange::~exchange() {
  try {
    fail({errc::unavailable, "the request was not answered; try again"});
  } catch (...) { // NOLINT(bugprone-empty-catch)
    // There is no memory for an answer: whoever asked is cut off.
  }
  --of_->metrics.in_flight;
}

const std::string& exchange::path_parameter(std::string_view name) const {
  static const std::string none;
  for (const auto& [known, value] : path_parameters)
    if (known == name)
      return value;
  return none;
}

result<std::string> exchange::api_key() const {
  for (auto name : single_headers)
    if (request_.count(name) > 1)
      return error{errc::invalid_argument,
                   "the header " + std::string{name} + " was sent twice"};
  auto authorization = request_.header("authorization");
  auto own = request_.header("x-api-key");
  if (authorization.empty() && own.empty())
    return no_key();
  if (authorization.empty())
    return std::string{own};
  auto given = credentials_of(authorization);
  if (!given || given->empty())
    return error{errc::unauthenticated,
                 "the Authorization header is not understood; write it like "
                 "`Authorization: Bearer KEY`"};
  if (!own.empty() && own != *given)
    return error{errc::invalid_argument,
                 "the request has two different API keys; send one"};
  return std::string{*given};
}

result<std::string>
exchange::user_id(std::optional<std::string> in_body) const {
  std::optional<std::string> out;
  auto in_header = request_.header("x-user-id");
  std::optional<std::string> of_header;
  if (request_.count("x-user-id") > 0)
    of_header = std::string{in_header};
  for (const auto& each : {std::move(in_body), query("user_id"), of_header}) {
    if (!each)
      continue;
    // "" must not mean the root of a key, which whoever wrote it does not know.
    if (each->empty())
      return error{errc::invalid_argument,
                   "the user_id is empty; leave it away to mean the key's "
                   "root"};
    if (out && *out != *each)
      return error{errc::invalid_argument,
                   "the request names two different user_ids; send one"};
    out = each;
  }
  return out.value_or("");
}

void exchange::with_client(std::function<void(const client&)> work,
                           std::optional<std::string> user_id_in_body) {
  auto named = user_id(std::move(user_id_in_body));
  if (named.has_error())
    return fail(named.error());
  with_client_of(*named, std::move(work));
}

void exchange::with_client_of(const std::string& user_id,
                              std::function<void(const client&)> work) {
  auto key = api_key();
  if (key.has_error())
    return fail(key.error());
  key_id_ = id_of_key(*key);
  of_->clients.find(*key, user_id,
                    [self = shared_from_this(), work = std::move(work),
                     key = *key](result<client> bound) {
                      if (bound.has_error())
                        return self->fail(bound.error());
                      if (!self->take_turn(*bound))
                        return;
                      self->found_ = *bound;
                      self->bound_ = bound->with_request_id(self->request_id_,
                                                            self->executor_);
                      work(*self->bound_);
                    });
}

void exchange::with_client_within(const std::string& user_id,
                                  std::function<void(const client&)> work) {
  auto outer = this->user_id();
  if (outer.has_error())
    return fail(outer.error());
  if (outer->empty())
    return with_client_of(user_id, std::move(work));
  with_client_of(*outer, [self = shared_from_this(), user_id,
                          work = std::move(work)](const client& bound) {
    auto around = bound.bound_to();
    self->with_client_of(user_id, [self, around, work](const client& named) {
      if (around.contains(named.bound_to()))
        return work(named);
      self->fail({errc::invalid_argument,
                  "the header X-User-ID means another scope than the address; "
                  "leave it away, or name one around it"});
    });
  });
}

/// False if it answered that the organization has too many.
bool exchange::take_turn(const client& bound) {
  if (turn_)
    return true;
  turn_ = of_->requests.take(bound.bound_to());
  if (turn_)
    return true;
  fail({errc::overloaded,
        "too many of your organization's requests are in flight; try again",
        limits::overload_retry_hint});
  return false;
}

bool exchange::take_stream_turn() {
  if (stream_turn_)
    return true;
  stream_turn_ = of_->streams.take(found_->bound_to());
  if (!stream_turn_)
    fail({errc::overloaded,
          "too many streams of your organization are open; end some, and try "
          "again",
          limits::overload_retry_hint});
  return stream_turn_ != nullptr;
}

/// The organization's turn lasts as long as the stream. False if it answered
/// that there is none.
bool exchange::share_stream(http_response& response) {
  struct counted {
    tenant_shares::turn turn;
    std::shared_ptr<text_stream> stream;
  };
  if (!take_stream_turn())
    return false;
  auto both = std::make_shared<counted>(
    counted{std::exchange(stream_turn_, nullptr), std::move(response.stream)});
  response.stream = {both, both->stream.get()};
  return true;
}

client exchange::lasting_client() const {
  return found_->with_request_id(request_id_);
}

result<client> exchange::client_of(const std::string& user_id) const {
  auto key = api_key();
  if (key.has_error())
    return key.error();
  std::promise<result<client>> found;
  of_->clients.find(*key, user_id, [&found](result<client> bound) {
    found.set_value(std::move(bound));
  });
  auto bound = found.get_future().get();
  if (bound)
    return bound->with_request_id(request_id_);
  return bound;
}

result<client> exchange::own_client_of(const scope& name) const {
  auto opened = of_->store.existing_organization(name.organization().path());
  if (opened.has_error())
    return opened.error();
  auto bound = opened->client(std::string{name.path()});
  if (bound)
    return bound->with_request_id(request_id_);
  return bound;
}

void exchange::with_operator(std::string_view wanted,
                             std::function<void()> work) {
  auto key = api_key();
  if (key.has_error())
    return fail(key.error());
  if (auto sealed = of_->store.sealed())
    return fail(*sealed);
  if (!of_->store.is_operator_key(*key))
    return key->starts_with(operator_key_prefix)
             ? fail({errc::unauthenticated,
                     "this is no operator key of this store; give the one that "
                     "`cloister init` showed for it"})
             : refuse_operation(std::string{wanted});
  key_id_ = "operator";
  is_operator_ = true;
  work();
}

void exchange::refuse_operation(std::string wanted) {
  with_client_of("", [self = shared_from_this(),
                      wanted = std::move(wanted)](const client& bound) {
    bound.refuse(wanted,
                 {errc::forbidden,
                  "this is the operator's; use the operator key that `cloister "
                  "init` showed"},
                 [self](const result<void>& done) {
                   self->fail(done.has_error()
                                ? done.error()
                                : error{errc::forbidden, "not allowed"});
                 });
  });
}

result<json::object> exchange::body() const {
  if (request_.body.empty())
    return json::object{};
  auto parsed = wire::parse_json(request_.body);
  if (parsed.has_error())
    return parsed.error();
  if (!parsed->is_object())
    return error{errc::invalid_argument, "the body is no JSON object"};
  return std::move(parsed->get_object());
}

void exchange::answer(http_response response) {
  if (found_)
    response.organization
      = std::string{found_->bound_to().organization().path()};
  if (response.stream && found_ && !share_stream(response))
    return;
  if (is_answered_.test_and_set())
    return;
  response.headers.emplace_back("X-Request-ID", id_);
  log(response);
  std::exchange(answered_, nullptr)(std::move(response));
}

void exchange::answer(unsigned status, const json::value& document) {
  http_response out;
  out.status = status;
  out.body = to_json_text(document);
  answer(std::move(out));
}

void exchange::fail(const error& why, unsigned status,
                    std::vector<std::pair<std::string, std::string>> headers) {
  if (is_answered_.test())
    return;
  outcome_ = why.code;
  auto told = is_operator_ ? why : without_paths(why);
  if (told.detail != why.detail)
    of_->log.event("failure", why.detail);
  auto out = problem(told, id_, status);
  for (auto& each : headers)
    out.headers.push_back(std::move(each));
  answer(std::move(out));
}

void exchange::log(const http_response& response) const {
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(
    std::chrono::steady_clock::now() - began_);
  std::string_view done = operation;
  if (done.empty())
    done = where != nullptr ? where->operation : "none";
  of_->metrics.count(done, to_string(outcome_), took);
  if (!of_->log.wants(response.status))
    return;
  std::string scope;
  if (bound_)
    scope = of_->log.has_names() ? std::string{bound_->bound_to().path()}
                                 : bound_->scope_tag().value_or("unknown");
  of_->log.request({id_, to_string(request_.method),
                    where != nullptr ? where->pattern : "none", done, key_id_,
                    scope, response.status, to_string(outcome_), took,
                    request_.peer});
}

} // namespace cloister::server
