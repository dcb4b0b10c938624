// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/analyzer.hpp"

#include "search/compound.hpp"
#include "search/script_runs.hpp"

namespace cloister::search {

namespace {

/// Reads text from the left and hands its words on.
class scanner {
public:
  scanner(std::string_view text, term_writer& out) : text_(text), out_(out) {}

  void run() {
    while (at_ < text_.size()) {
      auto c = character_at(text_, at_);
      switch (c.kind) {
        case character_kind::letter:
        case character_kind::digit:
          read_word();
          break;
        case character_kind::ideographic:
          chunk_.finish(out_);
          read_ideographic();
          break;
        case character_kind::symbol:
          chunk_.finish(out_);
          out_.as_it_is(text_.substr(at_, c.bytes));
          at_ += c.bytes;
          break;
        default:
          at_ += c.bytes;
      }
    }
    chunk_.finish(out_);
  }

private:
  void read_word() {
    auto from = at_;
    word_part part;
    auto last = read_plain(part);
    while (at_ < text_.size()) {
      auto c = character_at(text_, at_);
      auto belongs = c.kind == character_kind::letter
                     || c.kind == character_kind::digit
                     || (c.kind == character_kind::apostrophe
                         && last == character_kind::letter
                         && character_at(text_, at_ + c.bytes).kind
                              == character_kind::letter);
      if (!belongs)
        break;
      part.ascii = part.ascii && c.bytes == 1;
      part.letters = part.letters && c.kind != character_kind::digit;
      part.digits = part.digits && c.kind == character_kind::digit;
      part.needs_dictionary = part.needs_dictionary || c.needs_dictionary;
      last = c.kind;
      at_ += c.bytes;
    }
    auto raw = text_.substr(from, at_ - from);
    if (part.needs_dictionary) {
      chunk_.finish(out_);
      write_dictionary_words(raw, out_);
      return;
    }
    part.text = raw.substr(0, cut_at(raw, word_bytes_max));
    read_suffix(part);
    // A single character in between ties words together, if it may.
    if (from == 0 || from != word_end_ + 1 || !chunk_.joins(text_[from - 1]))
      chunk_.finish(out_);
    else
      part.joiner = text_[from - 1];
    chunk_.add(part, out_);
    word_end_ = at_;
  }

  /// Reads the letters and digits of ASCII that a word begins with, which is
  /// mostly all of it. Answers what the last one is.
  character_kind read_plain(word_part& part) {
    auto last = character_kind::other;
    for (; at_ < text_.size(); ++at_) {
      auto c = static_cast<unsigned char>(text_[at_]);
      auto kind = c < ascii_size ? ascii_kinds[c] : character_kind::other;
      if (kind != character_kind::letter && kind != character_kind::digit)
        break;
      part.letters = part.letters && kind == character_kind::letter;
      part.digits = part.digits && kind == character_kind::digit;
      last = kind;
    }
    return last;
  }

  /// "C++", "F#": a letter alone says nothing.
  void read_suffix(word_part& part) {
    if (part.text.size() != 1 || !part.letters)
      return;
    auto rest = text_.substr(at_);
    std::size_t suffix = rest.starts_with("++") ? 2 : rest.starts_with('#');
    auto follows = character_at(text_, at_ + suffix).kind;
    // "C++20" is one, "#5" is not of the letter before.
    if (suffix == 0 || follows == character_kind::letter
        || (suffix == 1 && follows == character_kind::digit))
      return;
    part.text = text_.substr(at_ - 1, 1 + suffix);
    part.letters = false;
    at_ += suffix;
  }

  void read_ideographic() {
    auto from = at_;
    while (at_ < text_.size()) {
      auto c = character_at(text_, at_);
      if (c.kind != character_kind::ideographic)
        break;
      at_ += c.bytes;
    }
    write_character_pairs(text_.substr(from, at_ - from), out_);
  }

  std::string_view text_;
  term_writer& out_;
  compound chunk_;
  std::size_t at_ = 0;
  std::size_t word_end_ = 0;
};

} // namespace

void analyze(std::string_view text, language in,
             std::vector<std::string>& out) {
  out.clear();
  term_writer writer{in, out};
  scanner{text, writer}.run();
}

void analyze(std::string_view text, language in, std::vector<query_word>& out) {
  out.clear();
  term_writer writer{in, out};
  scanner{text, writer}.run();
}

} // namespace cloister::search
