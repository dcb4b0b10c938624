// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// API keys as anybody may present them.

#include <cstdint>

#include "auth/api_key.hpp"
#include "core/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace cloister;
  auto key = auth::parse_api_key({reinterpret_cast<const char*>(data), size});
  CLOISTER_ASSERT(key || key.error().code == errc::unauthenticated
                  || key.error().code == errc::too_large
                  || key.error().code == errc::invalid_argument);
  return 0;
}
