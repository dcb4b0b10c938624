// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

namespace cloister {

/// The scope below a root in which a server keeps what is the organization's
/// and no memory: webhooks, for instance. A key needs `admin` for whatever it
/// does there.
inline constexpr std::string_view reserved_segment = "app_mem0%project";

} // namespace cloister
