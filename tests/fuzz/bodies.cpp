// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Bodies of requests, as each route reads them, and as clients read answers.

#include <cstdint>

#include <boost/json.hpp>

#include "core/assert.hpp"
#include "wire/answers.hpp"
#include "wire/input.hpp"

namespace {

using namespace cloister;

template <class Read>
void read_members(const boost::json::object& from, Read with) {
  wire::object_reader reader{from};
  with(reader);
  auto done = reader.finish();
  CLOISTER_ASSERT(done || done.error().code == errc::invalid_argument
                  || done.error().code == errc::too_large);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto parsed = wire::parse_json({reinterpret_cast<const char*>(data), size});
  if (parsed.has_error())
    return 0;
  static_cast<void>(wire::parse_memory_list(*parsed));
  static_cast<void>(wire::parse_search_results(*parsed));
  static_cast<void>(wire::parse_scope_listing(*parsed));
  static_cast<void>(wire::parse_receipt(*parsed));
  static_cast<void>(wire::parse_audit_list(*parsed));
  static_cast<void>(wire::parse_verification(*parsed));
  if (!parsed->is_object())
    return 0;
  const auto& object = parsed->get_object();
  read_members(object, [](auto& from) {
    static_cast<void>(validated(wire::read_draft(from)));
  });
  read_members(object, [](auto& from) {
    static_cast<void>(validated(wire::read_patch(from)));
  });
  read_members(object,
               [](auto& from) { static_cast<void>(wire::read_search(from)); });
  read_members(object,
               [](auto& from) { static_cast<void>(wire::read_session(from)); });
  read_members(object,
               [](auto& from) { static_cast<void>(wire::read_key(from)); });
  read_members(object,
               [](auto& from) { static_cast<void>(wire::read_quota(from)); });
  return 0;
}
