// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "search/word_forms.hpp"

namespace cloister::search {

/// A run of letters and digits, as it stands in the text.
struct word_part {
  std::string_view text;
  bool ascii = true;
  bool letters = true;
  bool digits = true;
  bool needs_dictionary = false;
  /// The one character between it and the part before; 0 for the first part.
  char joiner = 0;
};

/// Words that hang together without a space, like "e-mail" or "192.168.0.1":
/// writes the terms of each, and of what they are together.
class compound {
public:
  /// Whether a character between two words may tie them together.
  static bool joins(char c) {
    return c == '.' || c == ',' || c == '-' || c == '&' || c == '/';
  }

  void add(const word_part& part, term_writer& out) {
    if (size_ == parts_.size())
      finish(out);
    parts_[size_] = part;
    if (size_ == 0)
      parts_[size_].joiner = 0;
    ++size_;
  }

  /// Writes what was gathered.
  void finish(term_writer& out);

private:
  static constexpr std::size_t parts_max = 8;

  bool write_whole(term_writer& out) const;
  bool are_initials() const;
  bool is_grouped_number() const;
  void write_grouped_number(term_writer& out) const;
  bool is_date() const;
  void write_date(term_writer& out) const;
  void write_pairs(term_writer& out) const;
  void write_dotted_numbers(term_writer& out) const;
  std::string joined(std::size_t from, std::size_t to, bool with_joiners) const;

  std::array<word_part, parts_max> parts_;
  std::size_t size_ = 0;
};

} // namespace cloister::search
