// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/word_forms.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <libstemmer.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include "core/limits.hpp"
#include "core/string_hash.hpp"
#include "search/stop_words.hpp"

namespace cloister::search {

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

/// Snowball's stemmers. One per thread.
class stemmers {
public:
  void stem(std::string& word, language in) {
    auto& of_language = impls_[static_cast<std::size_t>(in)];
    if (!of_language)
      of_language.reset(
        sb_stemmer_new(std::string{to_string(in)}.c_str(), "UTF_8"));
    if (!of_language)
      return;
    auto data = reinterpret_cast<const sb_symbol*>(word.data());
    auto stem
      = sb_stemmer_stem(of_language.get(), data, static_cast<int>(word.size()));
    if (stem == nullptr)
      return;
    auto length
      = static_cast<std::size_t>(sb_stemmer_length(of_language.get()));
    word.assign(reinterpret_cast<const char*>(stem), length);
  }

private:
  struct ending {
    void operator()(sb_stemmer* which) const {
      sb_stemmer_delete(which);
    }
  };

  std::array<std::unique_ptr<sb_stemmer, ending>, language_names.size()> impls_;
};

/// Marks that are written or not as people please: combining diacritics,
/// Hebrew points, Arabic vowels and the Arabic elongation.
bool is_optional_mark(char16_t c) {
  return (c >= 0x300 && c <= 0x36f) || (c >= 0x591 && c <= 0x5c7)
         || (c >= 0x610 && c <= 0x61a) || c == 0x640
         || (c >= 0x64b && c <= 0x65f) || c == 0x670;
}

/// Latin letters that Unicode takes for letters of their own, and that people
/// without them on their keyboard write otherwise.
const char* plain_letters(char16_t c) {
  switch (c) {
    case u'ł':
      return "l";
    case u'ø':
      return "o";
    case u'đ':
    case u'ð':
      return "d";
    case u'ħ':
      return "h";
    case u'ŧ':
      return "t";
    case u'ı':
      return "i";
    case u'æ':
      return "ae";
    case u'œ':
      return "oe";
    case u'þ':
      return "th";
    default:
      return nullptr;
  }
}

std::string without_marks(const std::string& word) {
  UErrorCode status = U_ZERO_ERROR;
  auto decompose = icu::Normalizer2::getNFDInstance(status);
  auto compose = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status))
    return word;
  auto plain = decompose->normalize(icu::UnicodeString::fromUTF8(word), status);
  icu::UnicodeString kept;
  for (int32_t i = 0; i < plain.length(); ++i)
    if (auto letters = plain_letters(plain[i]))
      kept.append(icu::UnicodeString{letters, -1, US_INV});
    else if (!is_optional_mark(plain[i]))
      kept.append(plain[i]);
  std::string out;
  compose->normalize(kept, status).toUTF8String(out);
  return out;
}

/// "l'acqua", "d'accord", "qu'elle": what stands before the apostrophe is an
/// article or a pronoun.
std::string_view without_elision(std::string_view word, language in) {
  constexpr std::size_t swallowed_max = 2;
  if (!drops_elisions(in))
    return word;
  auto apostrophe = word.find('\'');
  if (apostrophe == std::string_view::npos || apostrophe > swallowed_max
      || apostrophe + 1 == word.size())
    return word;
  return word.substr(apostrophe + 1);
}

void cut(std::string& term) {
  if (term.size() <= limits::term_bytes_max)
    return;
  auto end = limits::term_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(term[end]) & 0xc0) == 0x80)
    --end;
  term.resize(end);
}

/// What is the same for words with and without other forms.
void finish(std::string& term) {
  if (!is_ascii(term))
    term = without_marks(term);
  // "O'Brien" is found as "OBrien".
  std::erase(term, '\'');
  cut(term);
}

/// The terms of words, with a small memory, because the same words come again
/// and again. One per thread.
class term_cache {
public:
  const std::string& term_of(std::string_view word, language in) {
    if (word.size() > cached_bytes_max)
      return compute(word, in, long_word_);
    auto at = string_hash(word) + static_cast<std::size_t>(in);
    auto& entry = cache_[at % cache_.size()];
    if (entry.word != word || entry.in != in) {
      entry.in = in;
      entry.word = word;
      compute(word, in, entry.term);
    }
    return entry.term;
  }

private:
  static constexpr std::size_t cached_bytes_max = 15; // Fits without a heap.

  struct cached {
    std::string word;
    std::string term;
    language in = language::none;
  };

  const std::string& compute(std::string_view word, language in,
                             std::string& out) {
    out = without_elision(word, in);
    // English knows no such vowels as "é": it would not see the word's end.
    if (in == language::english && !is_ascii(out))
      out = without_marks(out);
    if (in != language::none)
      stemmers_.stem(out, in);
    finish(out);
    return out;
  }

  stemmers stemmers_;
  std::string long_word_;
  std::array<cached, 4096> cache_;
};

} // namespace

bool drops_elisions(language in) noexcept {
  return in == language::french || in == language::italian;
}

std::string folded(std::string_view utf8) {
  UErrorCode status = U_ZERO_ERROR;
  auto fold = icu::Normalizer2::getNFKCCasefoldInstance(status);
  std::string out;
  icu::StringByteSink<std::string> sink{&out};
  if (U_SUCCESS(status))
    fold->normalizeUTF8(
      0, icu::StringPiece{utf8.data(), static_cast<int32_t>(utf8.size())}, sink,
      nullptr, status);
  constexpr std::string_view typographic = "\xe2\x80\x99";
  auto at = out.find(typographic);
  if (at == std::string::npos)
    return out;
  std::string plain;
  std::size_t from = 0;
  for (; at != std::string::npos; at = out.find(typographic, from)) {
    plain.append(out, from, at - from).push_back('\'');
    from = at + typographic.size();
  }
  return plain.append(out, from);
}

void term_writer::word(std::string_view folded_word) {
  // The cache alone is 300 KiB: too much for a thread-local object's own place.
  thread_local auto cache = std::make_unique<term_cache>();
  const auto& term = cache->term_of(folded_word, in_);
  if (term.empty())
    return;
  if (terms_ != nullptr)
    terms_->push_back(term);
  else
    words_->push_back(
      {term, is_stop_word(without_elision(folded_word, in_), in_)});
}

void term_writer::as_it_is(std::string_view folded_word) {
  std::string term{folded_word};
  finish(term);
  if (term.empty())
    return;
  if (terms_ != nullptr)
    terms_->push_back(std::move(term));
  else
    words_->push_back({std::move(term), false});
}

} // namespace cloister::search
