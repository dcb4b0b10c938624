// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/bytes.hpp"

namespace cloister::persistence {

/// Whether a Bloom filter from one of our tables may have been made with a key
/// among others. Never wrongly false.
bool filter_may_have(bytes_view filter, bytes_view key);

} // namespace cloister::persistence
