// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/json/value.hpp>

namespace cloister::server {

/// The description of the API (OpenAPI 3.1), made of the table that routes.
boost::json::value openapi_document();

/// Its schemas, by name: server/schemas.json.
boost::json::object openapi_schemas();
extern const char* const schemas_text;

} // namespace cloister::server
