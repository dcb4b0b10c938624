// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/unaudited.hpp"

namespace cloister::bench {

const bool gets_are_unaudited = false;

} // namespace cloister::bench
