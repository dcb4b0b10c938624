// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <string_view>

#include "search/word_forms.hpp"

namespace cloister::search {

/// Longer runs of letters are no words; what is beyond is passed over.
constexpr std::size_t word_bytes_max = 512;

enum class character_kind {
  other,
  letter,
  digit,
  apostrophe,
  /// Chinese, Japanese or Korean.
  ideographic,
  /// Emoji.
  symbol,
};

struct character {
  character_kind kind = character_kind::other;
  /// How long it is in UTF-8; at least 1.
  std::size_t bytes = 1;
  /// Of a script that puts no spaces between words.
  bool needs_dictionary = false;
};

constexpr std::size_t ascii_size = 128;

inline constexpr auto ascii_kinds = [] {
  std::array<character_kind, ascii_size> out{};
  for (auto c = 'a'; c <= 'z'; ++c)
    out[static_cast<std::size_t>(c)] = character_kind::letter;
  for (auto c = 'A'; c <= 'Z'; ++c)
    out[static_cast<std::size_t>(c)] = character_kind::letter;
  for (auto c = '0'; c <= '9'; ++c)
    out[static_cast<std::size_t>(c)] = character_kind::digit;
  out['\''] = character_kind::apostrophe;
  return out;
}();

character wide_character_at(std::string_view text, std::size_t at);

/// The character at a byte; `other` past the end. Marks, and digits that
/// stand high or low, count as letters.
inline character character_at(std::string_view text, std::size_t at) {
  if (at >= text.size())
    return {};
  auto first = static_cast<unsigned char>(text[at]);
  return first < ascii_size ? character{ascii_kinds[first]}
                            : wide_character_at(text, at);
}

/// Where to cut a text that is longer than `bytes`: not within a character.
std::size_t cut_at(std::string_view text, std::size_t bytes);

/// Writes the pairs of neighbours in a run of ideographic characters, and each
/// ideograph; or the character, if it is alone.
void write_character_pairs(std::string_view run, term_writer& out);

/// Writes the words of a run without spaces (UAX #29 with ICU's dictionaries).
void write_dictionary_words(std::string_view run, term_writer& out);

} // namespace cloister::search
