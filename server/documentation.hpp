// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace cloister::server {

/// The description of the API as one page of HTML, which loads nothing.
std::string documentation_page();

} // namespace cloister::server
