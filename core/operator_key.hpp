// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

namespace cloister {

/// What an operator key begins with. It does not say whose it is.
constexpr std::string_view operator_key_prefix = "cloister_operator_";

} // namespace cloister
