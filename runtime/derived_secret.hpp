// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "runtime/runtime.hpp"

namespace cloister {

/// A secret of this store for one purpose: 64 hexadecimal digits, the same each
/// time, which nobody else can make or guess. What is derived for one purpose
/// tells nothing of others. Empty while the store is sealed. Thread-safe.
std::string derived_secret(const runtime& store, std::string_view purpose);

} // namespace cloister
