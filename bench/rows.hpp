// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "bench/data_folder.hpp"
#include "bench/options.hpp"
#include "bench/report.hpp"

/// The measurements. Each answers its rows of the table.
namespace cloister::bench {

/// Rows 1 to 3: durable creates against synced puts.
std::vector<row> measure_creates(const options& with, const data_folder& in);

/// Row 4: a cached get against a bare request to an actor.
std::vector<row> measure_reads(const options& with, const data_folder& in);

/// Rows 5 and 6: memory of many scopes, and a start with many scopes.
std::vector<row> measure_scopes(const options& with, const data_folder& in);

/// Rows 7 to 11: searches, and what an index costs.
std::vector<row> measure_searches(const options& with, const data_folder& in);

/// Rows 12 to 14: sessions.
std::vector<row> measure_sessions(const options& with, const data_folder& in);

/// Rows 15 to 17: what auditing costs, erasures, and verification.
std::vector<row> measure_trails(const options& with, const data_folder& in);

} // namespace cloister::bench
