// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/script_runs.hpp"

#include <memory>

#include <unicode/brkiter.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

namespace cloister::search {

namespace {

/// The code point at a byte, and the byte after it; negative if malformed.
std::pair<UChar32, std::size_t> code_point_at(std::string_view text,
                                              std::size_t at) {
  auto data = reinterpret_cast<const std::uint8_t*>(text.data());
  auto next = static_cast<int32_t>(at);
  UChar32 c = 0;
// ICU's macro was not written for these warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
  U8_NEXT(data, next, static_cast<int32_t>(text.size()), c);
#pragma GCC diagnostic pop
  return {c, static_cast<std::size_t>(next)};
}

/// Where the scripts of East Asia begin: Hangul Jamo.
constexpr UChar32 first_ideographic = 0x1100;

bool is_ideographic(UChar32 c) {
  if (c < first_ideographic)
    return false;
  for (auto script : {USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA,
                      USCRIPT_HANGUL, USCRIPT_BOPOMOFO})
    if (uscript_hasScript(c, script) != 0)
      return u_isalpha(c) != 0;
  return false;
}

/// One break iterator per thread; making one costs more than using it.
icu::BreakIterator* word_breaks() {
  thread_local std::unique_ptr<icu::BreakIterator> iterator = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made{
      icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status)};
    return U_SUCCESS(status) ? std::move(made) : nullptr;
  }();
  return iterator.get();
}

} // namespace

character wide_character_at(std::string_view text, std::size_t at) {
  auto [c, next] = code_point_at(text, at);
  character out;
  out.bytes = next - at;
  if (c < 0)
    return out;
  constexpr UChar32 typographic_apostrophe = 0x2019;
  constexpr UChar32 wide_apostrophe = 0xff07;
  if (c == typographic_apostrophe || c == wide_apostrophe)
    out.kind = character_kind::apostrophe;
  else if (is_ideographic(c))
    out.kind = character_kind::ideographic;
  else if (u_isdigit(c) != 0)
    out.kind = character_kind::digit;
  else if (u_isalnum(c) != 0
           || (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_NO_MASK)) != 0)
    out.kind = character_kind::letter;
  else if (u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC) != 0)
    out.kind = character_kind::symbol;
  if (out.kind == character_kind::letter)
    out.needs_dictionary
      = u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT;
  return out;
}

std::size_t cut_at(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes)
    return text.size();
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80)
    --bytes;
  return bytes;
}

void write_character_pairs(std::string_view run, term_writer& out) {
  auto text = folded(run);
  std::size_t previous = text.size();
  for (std::size_t at = 0; at < text.size();) {
    auto [c, end] = code_point_at(text, at);
    auto alone = at == 0 && end == text.size();
    if (previous < at)
      out.as_it_is(std::string_view{text}.substr(previous, end - previous));
    if (alone || (c > 0 && uscript_hasScript(c, USCRIPT_HAN) != 0))
      out.as_it_is(std::string_view{text}.substr(at, end - at));
    previous = at;
    at = end;
  }
}

void write_dictionary_words(std::string_view run, term_writer& out) {
  auto breaks = word_breaks();
  auto text = icu::UnicodeString::fromUTF8(
    icu::StringPiece{run.data(), static_cast<int32_t>(run.size())});
  if (breaks == nullptr)
    return out.as_it_is(folded(run.substr(0, cut_at(run, word_bytes_max))));
  breaks->setText(text);
  auto from = breaks->first();
  for (auto to = breaks->next(); to != icu::BreakIterator::DONE;
       to = breaks->next()) {
    std::string word;
    text.tempSubStringBetween(from, to).toUTF8String(word);
    // Sorting marks without end takes quadratic time.
    out.as_it_is(
      folded(std::string_view{word}.substr(0, cut_at(word, word_bytes_max))));
    from = to;
  }
}

} // namespace cloister::search
