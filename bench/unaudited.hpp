// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace cloister::bench {

/// Whether this program was linked so that what only reads leaves no entry.
extern const bool gets_are_unaudited;

} // namespace cloister::bench
