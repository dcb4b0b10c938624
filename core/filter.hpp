// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/memory.hpp"

namespace cloister {

struct filter_node;

/// A condition on memories, as JSON:
///
///   filter   := { member, … }                    all of its members must hold
///   member   := "AND": [filter, …] | "OR": [filter, …]
///             | "NOT": filter or [filter, …]     none of them may hold
///             | field: value                     the same as {"eq": value}
///             | field: { operator: value, … }    all of them must hold
///   field    := "id" | "content" | "memory_type" | "key" | "author"
///             | "revision" | "created_at" | "updated_at" | "expires_at"
///             | "metadata" | "metadata.path.to.member"
///   operator := "eq" | "ne" | "in" | "nin" | "gt" | "gte" | "lt" | "lte"
///             | "exists" | "contains"
///
/// Times are RFC 3339 and compare as instants, texts byte by byte, numbers by
/// value. What is missing equals null and nothing else, and is neither greater
/// nor less; so does a member of the metadata that is of another type, while
/// other fields refuse to be compared with what they never are. If a member
/// occurs twice, the last one holds. `contains` looks for a part of a
/// text, an element of an array, or a member of an object. A number in a path
/// names an element of an array.
///
/// Immutable and thread-safe; copies share what they are made of.
class memory_filter {
public:
  /// Fails with `invalid_argument` or `too_large`, and says where.
  static result<memory_filter> parse(std::string_view json);

  bool matches(const memory& value) const;

  /// The filter as it was given.
  const std::string& text() const {
    return text_;
  }

private:
  memory_filter(std::shared_ptr<const filter_node> root, std::string text)
    : root_(std::move(root)), text_(std::move(text)) {}

  std::shared_ptr<const filter_node> root_;
  std::string text_;
};

} // namespace cloister
