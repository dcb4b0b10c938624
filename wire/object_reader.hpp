// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace cloister::wire {

/// Parses what somebody sent: one JSON value, with a bound on how deep it
/// nests. Fails with `invalid_argument`.
result<boost::json::value> parse_json(std::string_view text);

/// Reads an object's members by name and type, and refuses what nobody asked
/// for: a misspelt name must not pass for an absent one. What is `null` is
/// absent. The first mistake is kept until `finish`. Refers to the object.
class object_reader {
public:
  explicit object_reader(const boost::json::object& from) : from_(from) {}

  std::optional<std::string> text(std::string_view name);
  std::optional<std::uint64_t> number(std::string_view name);
  std::optional<double> real(std::string_view name);
  std::optional<bool> flag(std::string_view name);
  std::optional<timestamp> time(std::string_view name);
  std::optional<std::vector<std::string>> texts(std::string_view name);
  std::optional<std::vector<float>> reals(std::string_view name);
  /// An object, as text.
  std::optional<std::string> object(std::string_view name);
  /// Whatever it is, `null` too; nothing if it is absent.
  const boost::json::value* any(std::string_view name);

  /// Remembers a mistake, unless there was one before.
  void fail(error why);

  /// The same of a member that has to be there: one that is misspelt is what is
  /// told rather.
  void miss(std::string_view name, std::string_view hint = {});

  /// Fails with `invalid_argument`, naming what is wrong or unknown.
  result<void> finish() const;

private:
  const boost::json::value* find(std::string_view name);
  void wrong_type(std::string_view name, std::string_view wanted);

  const boost::json::object& from_;
  std::vector<std::string_view> known_;
  std::optional<error> failure_;
  std::optional<error> missing_;
};

} // namespace cloister::wire
