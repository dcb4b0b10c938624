// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace boost::json {
class value;
}

namespace cloister {

/// Parses a JSON object and writes it again without white space. Fails with
/// `invalid_argument` if it is anything but one object, or nests too deep.
result<std::string> canonical_json_object(std::string_view text);

/// RFC 7396: `patch` merged into `target`, both JSON objects.
result<std::string> merge_json_object(std::string_view target,
                                      std::string_view patch);

/// The text or number of the first of these members that an object has; nothing
/// if it has none, or is no JSON.
std::optional<std::string>
first_member(std::string_view object, std::span<const std::string_view> names);

/// JSON on one line, numbers in their shortest form.
std::string to_json_text(const boost::json::value& value);

} // namespace cloister
