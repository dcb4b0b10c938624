// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Addresses of requests: what is taken apart is put together again.

#include <cstdint>

#include "core/assert.hpp"
#include "server/http_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace cloister;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto target = server::http_target::parse(text);
  if (target.has_error()) {
    CLOISTER_ASSERT(target.error().code == errc::invalid_argument);
    return 0;
  }
  std::string again;
  for (const auto& each : target->segments)
    again += '/' + server::percent_encoded(each);
  if (target->ends_with_slash || again.empty())
    again += '/';
  char separator = '?';
  for (const auto& [name, value] : target->query) {
    again += separator + server::percent_encoded(name) + '='
             + server::percent_encoded(value);
    separator = '&';
  }
  auto second = server::http_target::parse(again);
  CLOISTER_ASSERT(second.has_value());
  CLOISTER_ASSERT(second->segments == target->segments);
  CLOISTER_ASSERT(second->query == target->query);
  return 0;
}
