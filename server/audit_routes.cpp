// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "runtime/audit_export.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

/// An export that is larger is for the command line.
constexpr std::size_t export_bytes_max = 64 * 1024 * 1024;

void list(const exchange_ptr& call) {
  auto options = read_audit_options(call);
  if (!options || !check_query(call))
    return;
  call->with_client([call, options = *options](const client& bound) {
    bound.list_audit(options, [call](const result<audit_list>& done) {
      call->answer_with(done,
                        [](const auto& page) { return wire::to_json(page); });
    });
  });
}

void verify(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.verify_audit([call](const result<audit_verification>& done) {
      call->answer_with(
        done, [](const auto& report) { return wire::to_json(report); });
    });
  });
}

void export_trail(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    auto turn = call->of().audit_exports.take(bound.bound_to());
    if (!turn)
      return call->fail({errc::overloaded,
                         "your organization's trail or several others are "
                         "being exported; try again",
                         std::chrono::seconds{1}});
    auto lines = std::make_shared<std::string>();
    auto too_large = std::make_shared<bool>(false);
    auto sink = [lines, too_large](const std::string& line) {
      *too_large = lines->size() + line.size() > export_bytes_max;
      if (!*too_large)
        lines->append(line).push_back('\n');
      return !*too_large;
    };
    bound.export_audit(sink, [call, lines, too_large,
                              turn](const result<audit_export_summary>& done) {
      if (*too_large)
        return call->fail({errc::too_large,
                           "the audit trail is longer than 64 MiB; export "
                           "that of a narrower scope, or with `cloister "
                           "audit export`"});
      if (done.has_error())
        return call->fail(done.error());
      http_response out;
      out.content_type = "application/jsonl";
      out.body = std::move(*lines);
      call->answer(std::move(out));
    });
  });
}

void checkpoint(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.make_checkpoint([call](const result<audit_checkpoint>& done) {
      if (done.has_error())
        return call->fail(done.error());
      http_response out;
      out.body = to_json_text(*done);
      call->answer(std::move(out));
    });
  });
}

void receipt_key(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto key = call->api_key();
  if (key.has_error())
    return call->fail(key.error());
  // Proven anew: nothing is asked that would tell that it was revoked.
  call->of().store.client(*key, "", [call](const result<client>& done) {
    call->answer_with(done, [&](const auto&) {
      return json::object{{"public_key", call->of().store.receipt_key()}};
    });
  });
}

const std::vector<route> routes{
  {http_method::get, "/v1/audit", "list_audit", "audit",
   "Who did what in the scope, newest first", access::api_key, list,
   audit_list_parameters(), "", "AuditPage"},
  {http_method::get,
   "/v1/audit/verify",
   "verify_audit",
   "audit",
   "Verify the audit trails of the scope and of all below",
   access::api_key,
   verify,
   {},
   "",
   "AuditReport"},
  {http_method::get,
   "/v1/audit/export",
   "export_audit",
   "audit",
   "The audit trails of the scope and of all below, as lines of JSON that "
   "verify offline",
   access::api_key,
   export_trail,
   {},
   "",
   "",
   200,
   "application/jsonl"},
  {http_method::get,
   "/v1/audit/checkpoint",
   "make_checkpoint",
   "audit",
   "Sign where the audit trails end",
   access::api_key,
   checkpoint,
   {},
   "",
   "Checkpoint"},
  {http_method::get,
   "/v1/receipt-key",
   "receipt_key",
   "audit",
   "What this store signs receipts and checkpoints with",
   access::api_key,
   receipt_key,
   {},
   "",
   "ReceiptKey",
   200,
   "application/json",
   false},
};

} // namespace

const std::vector<parameter>& audit_list_parameters() {
  static const std::vector<parameter> out{
    {"operation", "string", "Only this, e.g. memory.create"},
    {"outcome", "string", "Only ok, or an error's code"},
    {"principal", "string", "Only of a key, by its label or id"},
    {"since", "string", "Only from this time on"},
    {"cursor", "string", "Of the page before"},
    {"limit", "integer", "1 to 1000; 50 if absent"}};
  return out;
}

std::span<const route> audit_routes() {
  return routes;
}

} // namespace cloister::server
