// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/language.hpp"

namespace cloister::search {

/// A term with what a query needs to know of it.
struct query_word {
  std::string term;
  bool is_stop_word = false;
};

/// UTF-8 after NFKC_Casefold, with apostrophes as U+0027.
std::string folded(std::string_view utf8);

/// Whether the language's words lose a swallowed article in front of them.
bool drops_elisions(language in) noexcept;

/// Turns folded words into terms, in the order they come. Words are stemmed by
/// Snowball's stemmer of the language (M. F. Porter, "Snowball", 2001), then
/// lose their diacritics (before, in English), so that who types without them
/// finds the same. A
/// French or Italian article that was swallowed by its word ("l'acqua") is
/// dropped. A term is cut after `limits::term_bytes_max` bytes.
///
/// One thread at a time; appends to what it was given.
class term_writer {
public:
  term_writer(language in, std::vector<std::string>& out)
    : in_(in), terms_(&out) {}
  term_writer(language in, std::vector<query_word>& out)
    : in_(in), words_(&out) {}

  language in() const {
    return in_;
  }

  /// A word of letters.
  void word(std::string_view folded_word);
  /// Anything that has no other forms: numbers, names with digits.
  void as_it_is(std::string_view folded_word);

private:
  language in_;
  std::vector<std::string>* terms_ = nullptr;
  std::vector<query_word>* words_ = nullptr;
};

} // namespace cloister::search
