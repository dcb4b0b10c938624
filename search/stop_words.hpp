// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "core/language.hpp"

namespace cloister::search {

/// Whether a word says nothing of what a text is about: articles, pronouns,
/// auxiliaries, and what questions begin with. Such words are indexed, but a
/// query passes over them unless it has no others. The word is in lower case,
/// with its diacritics and with the apostrophe U+0027. Thread-safe.
bool is_stop_word(std::string_view word, language in);

} // namespace cloister::search
