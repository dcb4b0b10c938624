// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Filters, ours and mem0's: what is understood holds of a memory or does not,
// and the contrary is the contrary.

#include <cstdint>

#include <boost/json.hpp>

#include "core/assert.hpp"
#include "core/filter.hpp"
#include "server/mem0_filter.hpp"
#include "wire/object_reader.hpp"

namespace {

using namespace cloister;

memory some_memory() {
  memory out;
  out.content = "Prefers dark mode";
  out.type = "preference";
  out.metadata
    = R"({"a":1,"b":[1,"x",{"c":null}],"_mem0":{"categories":["x"]}})";
  out.key = "k";
  out.revision = 3;
  return out;
}

void check_ours(std::string_view text) {
  auto filter = memory_filter::parse(text);
  if (filter.has_error()) {
    CLOISTER_ASSERT(filter.error().code == errc::invalid_argument
                    || filter.error().code == errc::too_large);
    return;
  }
  static const auto known = some_memory();
  auto contrary = memory_filter::parse("{\"NOT\":" + std::string{text} + '}');
  // It may be too deep by one.
  if (contrary)
    CLOISTER_ASSERT(filter->matches(known) != contrary->matches(known));
}

void check_mem0s(const boost::json::object& filters) {
  using namespace server::mem0;
  static_cast<void>(names_entity(filters));
  for (const auto& ids :
       {entity_ids{"sarah", {}, {}, {}}, entity_ids{"a", "b", {}, "7"}}) {
    auto wanted = filter_for(filters, ids);
    if (wanted.has_error())
      CLOISTER_ASSERT(wanted.error().code == errc::invalid_argument);
    else if (*wanted)
      check_ours(boost::json::serialize(**wanted));
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  check_ours(text);
  auto parsed = wire::parse_json(text);
  if (parsed && parsed->is_object())
    check_mem0s(parsed->get_object());
  return 0;
}
