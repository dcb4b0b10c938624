// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>

#include <boost/json/object.hpp>

#include "server/mem0_names.hpp"

namespace cloister::server::mem0 {

/// What mem0's filters say of one scope: nothing where none of its memories
/// pass, else a filter for them, which may be empty. Fails with
/// `invalid_argument`, whatever the scope is.
result<std::optional<boost::json::object>>
filter_for(const boost::json::object& filters, const entity_ids& of);

/// Seconds since 1970, or a text with or without a zone, as RFC 3339 has it.
/// Fails with `invalid_argument`.
result<std::string> instant_text(const boost::json::value& from);

/// Whether a filter names a user, an agent, an app or a run anywhere.
bool names_entity(const boost::json::object& filters);

} // namespace cloister::server::mem0
