// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/fwd.hpp>

#include "core/quota.hpp"

namespace CLI {
class App;
}

namespace cloister::cli {

/// What was given of --memories-max and the like, by the limit's name.
using quota_texts = std::shared_ptr<std::map<std::string, std::string>>;

/// For whom limits are set: an organization's sessions have one more.
enum class quota_owner { organization, scope };

/// Adds an option for each limit.
quota_texts add_quota_options(CLI::App& to, quota_owner whose);

/// Reads numbers, and "none". Fails with `invalid_argument`.
result<quota_changes>
parse_quota(const std::map<std::string, std::string>& texts);

/// Each limit by its name, null for none.

/// "5 of 100", or "5" where there is no limit.
std::string held_of(std::uint64_t held,
                    const std::optional<std::uint64_t>& most);

/// "50 a second, 100 at once", or "no limit".
std::string rate_text(const quota& limits);

/// "memories-max  100" and so on, those that are set.
std::vector<std::pair<std::string, std::string>>
quota_lines(const quota& limits);

} // namespace cloister::cli
