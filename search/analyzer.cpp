// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/analyzer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include <libstemmer.h>
#include <unicode/brkiter.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "core/limits.hpp"

namespace cloister::search {

namespace {

bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Snowball's English stemmer with a small memory of its own, because the same
/// words come again and again. One per thread.
class stemmer {
public:
  stemmer() : impl_(sb_stemmer_new("english", "UTF_8"), sb_stemmer_delete) {}

  void stem(std::string& word) {
    if (word.size() > cached_bytes_max) {
      compute(word);
      return;
    }
    auto& entry = cache_[std::hash<std::string_view>{}(word) % cache_.size()];
    if (entry.word != word) {
      entry.word = word;
      entry.stem = word;
      compute(entry.stem);
    }
    word = entry.stem;
  }

private:
  static constexpr std::size_t cached_bytes_max = 15; // Fits without a heap.

  struct cached {
    std::string word;
    std::string stem;
  };

  void compute(std::string& word) {
    auto data = reinterpret_cast<const sb_symbol*>(word.data());
    auto stem
      = sb_stemmer_stem(impl_.get(), data, static_cast<int>(word.size()));
    if (stem == nullptr)
      return;
    auto length = static_cast<std::size_t>(sb_stemmer_length(impl_.get()));
    word.assign(reinterpret_cast<const char*>(stem), length);
  }

  std::unique_ptr<sb_stemmer, void (*)(sb_stemmer*)> impl_;
  std::array<cached, 4096> cache_;
};

void add_term(std::string word, bool stemmable, std::vector<std::string>& out) {
  // The cache alone is 256 KiB: too much for a thread-local object's own place.
  thread_local auto words = std::make_unique<stemmer>();
  if (word.size() > limits::term_bytes_max) {
    auto end = limits::term_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(word[end]) & 0xc0) == 0x80)
      --end;
    word.resize(end);
  }
  if (stemmable)
    words->stem(word);
  if (!word.empty())
    out.push_back(std::move(word));
}

/// Words of pure ASCII text.
void analyze_ascii(std::string_view text, std::vector<std::string>& out) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::string word;
    bool stemmable = true;
    for (; i < text.size(); ++i) {
      auto c = text[i];
      auto letter = is_ascii_letter(c);
      auto joins = c == '\'' && !word.empty() && is_ascii_letter(word.back())
                   && i + 1 < text.size() && is_ascii_letter(text[i + 1]);
      if (!letter && !is_ascii_digit(c) && !joins)
        break;
      stemmable = stemmable && (letter || joins);
      word.push_back(lower(c));
    }
    if (!word.empty())
      add_term(std::move(word), stemmable, out);
    else
      ++i;
  }
}

bool is_word_character(UChar32 c) {
  constexpr auto marks = U_GC_M_MASK;
  return u_isalnum(c) || (U_GET_GC_MASK(c) & marks) != 0;
}

bool is_apostrophe(UChar32 c) {
  return c == 0x27 || c == 0x2019 || c == 0xff07;
}

/// Folds one word and removes combining diacritics.
std::string folded(const icu::UnicodeString& word) {
  UErrorCode status = U_ZERO_ERROR;
  auto fold = icu::Normalizer2::getNFKCCasefoldInstance(status);
  auto decompose = icu::Normalizer2::getNFDInstance(status);
  auto compose = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status))
    return {};
  auto plain = decompose->normalize(fold->normalize(word, status), status);
  icu::UnicodeString kept;
  for (int32_t i = 0; i < plain.length(); ++i)
    if (plain[i] < 0x300 || plain[i] > 0x36f)
      kept.append(is_apostrophe(plain[i]) ? u'\'' : plain[i]);
  std::string out;
  compose->normalize(kept, status).toUTF8String(out);
  return out;
}

bool is_stemmable(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return is_ascii_letter(c) || c == '\''; });
}

/// Cuts one segment of ICU's at everything that is not part of a word, just as
/// the ASCII path does.
void analyze_segment(const icu::UnicodeString& text, int32_t from, int32_t to,
                     std::vector<std::string>& out) {
  icu::UnicodeString word;
  UChar32 last = 0;
  auto finish = [&] {
    if (!word.isEmpty()) {
      auto term = folded(word);
      auto stemmable = is_stemmable(term);
      add_term(std::move(term), stemmable, out);
    }
    word.remove();
    last = 0;
  };
  for (auto i = from; i < to; i = text.moveIndex32(i, 1)) {
    auto c = text.char32At(i);
    auto next = text.moveIndex32(i, 1);
    auto joins = is_apostrophe(c) && last != 0 && u_isalpha(last) && next < to
                 && u_isalpha(text.char32At(next));
    if (is_word_character(c) || joins) {
      word.append(c);
      last = c;
    } else {
      finish();
    }
  }
  finish();
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

void analyze_unicode(std::string_view utf8, std::vector<std::string>& out) {
  auto text = icu::UnicodeString::fromUTF8(
    icu::StringPiece{utf8.data(), static_cast<int32_t>(utf8.size())});
  auto breaks = word_breaks();
  if (breaks == nullptr) {
    analyze_segment(text, 0, text.length(), out);
    return;
  }
  breaks->setText(text);
  auto from = breaks->first();
  for (auto to = breaks->next(); to != icu::BreakIterator::DONE;
       to = breaks->next()) {
    analyze_segment(text, from, to, out);
    from = to;
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

} // namespace

void analyze(std::string_view text, std::vector<std::string>& out) {
  out.clear();
  if (is_ascii(text))
    analyze_ascii(text, out);
  else
    analyze_unicode(text, out);
}

} // namespace cloister::search
