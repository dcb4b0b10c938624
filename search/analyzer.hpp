// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "search/word_forms.hpp"

namespace cloister::search {

/// Turns text into index terms. The text must be UTF-8.
///
/// A word is a run of letters, digits and marks; an apostrophe between letters
/// belongs to it. What term_writer makes of a word is its term. Besides:
///
///   getUserName, HTTPServer   the whole, and each of its words
///   handleRequest404          the whole, its words and its numbers
///   e-mail, AT&T              the words, and "email", "at&t" for a short one
///   U.S.A., e.g.              "usa", "eg"
///   3.14, 192.168.0.1         the numbers, and the whole
///   1,000,000  1,299.99       "1000000"; "1299", "99" and "1299.99"
///   2024-05-07  …T14:30       the year, the month's name (in English), the
///   day,
///                             the hour and the minutes
///   7th                       "7" (in English)
///   C++, C++20, F#            "c++", "c++" and "20", "f#"
///   Chinese, Japanese, Korean pairs of neighbouring characters, and each
///                             ideograph (J. Y. Nie et al., "On the use of
///                             words and n-grams for Chinese information
///                             retrieval", 2000)
///   Thai, Lao, Khmer, Burmese words as ICU's dictionaries find them
///   emoji                     each by itself
///
/// The terms replace what `out` holds, in the order of the text. Thread-safe.
void analyze(std::string_view text, language in, std::vector<std::string>& out);

/// The same for a query, and which of the terms are stop words.
void analyze(std::string_view text, language in, std::vector<query_word>& out);

} // namespace cloister::search
