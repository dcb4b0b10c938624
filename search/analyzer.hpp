// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cloister::search {

/// Turns text into index terms. The text must be UTF-8.
///
/// A word is a run of letters, digits and marks; an apostrophe between letters
/// belongs to it. Text beyond ASCII is first cut at the word boundaries of
/// UAX #29 as ICU finds them, which separates Chinese, Japanese and Thai words.
/// Words are folded by NFKC_Casefold and lose the combining diacritics
/// U+0300..U+036F; words of ASCII letters are then stemmed by Snowball's
/// English stemmer (M. F. Porter, "Snowball", 2001). A word is cut after
/// `limits::term_bytes_max` bytes.
///
/// The terms replace what `out` holds, in the order of the text. Thread-safe.
void analyze(std::string_view text, std::vector<std::string>& out);

} // namespace cloister::search
