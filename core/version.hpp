// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

namespace cloister {

inline constexpr std::string_view version_text = "0.1.0";

} // namespace cloister
