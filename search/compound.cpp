// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/compound.hpp"

#include <algorithm>
#include <charconv>

#include "search/script_runs.hpp"

namespace cloister::search {

namespace {

constexpr std::array<std::string_view, 12> month_names{
  "january", "february", "march",     "april",   "may",      "june",
  "july",    "august",   "september", "october", "november", "december"};

/// "1,000,000".
constexpr std::size_t digit_group = 3;

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

std::string lowered(std::string_view ascii) {
  std::string out{ascii};
  for (auto& c : out)
    if (is_upper(c))
      c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

int number_of(std::string_view digits) {
  int out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return out;
}

/// "1st", "22nd", "3rd", "7th".
bool is_ordinal(std::string_view text) {
  constexpr std::size_t suffix = 2;
  if (text.size() <= suffix)
    return false;
  auto number = text.substr(0, text.size() - suffix);
  auto ending = lowered(text.substr(number.size()));
  return std::all_of(number.begin(), number.end(),
                     [](char c) { return c >= '0' && c <= '9'; })
         && (ending == "st" || ending == "nd" || ending == "rd"
             || ending == "th");
}

/// Whether a new word begins at `i`: "getUser", "HTTPServer".
bool begins_word(std::string_view text, std::size_t i) {
  if (!is_upper(text[i]))
    return false;
  return is_lower(text[i - 1])
         || (is_upper(text[i - 1]) && i + 2 < text.size()
             && is_lower(text[i + 1]) && is_lower(text[i + 2]));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Writes the words and numbers inside of one, if it has several.
void write_inner_words(std::string_view text, term_writer& out) {
  constexpr std::size_t word_bytes_min = 2;
  std::size_t from = 0;
  for (std::size_t i = 1; i <= text.size(); ++i) {
    auto ends
      = i == text.size()
          ? from > 0
          : begins_word(text, i) || is_digit(text[i]) != is_digit(text[i - 1]);
    if (!ends)
      continue;
    auto inner = text.substr(from, i - from);
    if (inner.size() >= word_bytes_min && is_digit(inner[0]))
      out.as_it_is(inner);
    else if (inner.size() >= word_bytes_min)
      out.word(lowered(inner));
    from = i;
  }
}

/// "O'Connor" is found by "Connor", "l'hôpital" by "hôpital" in whatever
/// language: what stands before such an apostrophe is short, and what stands
/// behind that of "I've" or "we'll" is short too.
void write_behind_apostrophe(std::string_view text, term_writer& out) {
  constexpr std::size_t before_max = 2;
  constexpr std::size_t behind_min = 3;
  auto apostrophe = text.find('\'');
  if (apostrophe > before_max || drops_elisions(out.in()))
    return;
  auto behind = text.substr(apostrophe + 1);
  if (behind.size() >= behind_min)
    out.word(behind);
}

void write_ascii_word(std::string_view text, term_writer& out) {
  constexpr std::size_t short_bytes = 64;
  std::array<char, short_bytes> lower;
  if (text.size() > lower.size())
    return out.word(lowered(text));
  bool has_inner_capital = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto upper = is_upper(text[i]);
    has_inner_capital = has_inner_capital || (upper && i > 0);
    lower[i] = upper ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
  }
  std::string_view word{lower.data(), text.size()};
  out.word(word);
  write_behind_apostrophe(word, out);
  if (has_inner_capital)
    write_inner_words(text, out);
}

void write_part(const word_part& part, term_writer& out) {
  if (!part.ascii) {
    auto text = folded(part.text);
    // One character can become many.
    text.resize(cut_at(text, word_bytes_max));
    if (part.letters) {
      out.word(text);
      write_behind_apostrophe(text, out);
    } else {
      out.as_it_is(text);
    }
  } else if (part.letters) {
    write_ascii_word(part.text, out);
  } else if (out.in() == language::english && is_ordinal(part.text)) {
    constexpr std::size_t suffix = 2;
    out.as_it_is(part.text.substr(0, part.text.size() - suffix));
  } else {
    out.as_it_is(lowered(part.text));
    if (!part.digits)
      write_inner_words(part.text, out);
  }
}

/// "07" of "07" or, where a time follows, of "07T14".
std::string_view day_of(std::string_view text) {
  return text.substr(0, text.find_first_of("Tt"));
}

/// "v2", with more to follow.
bool is_version_mark(std::string_view text) {
  return text.size() > 1 && (text[0] == 'v' || text[0] == 'V')
         && std::all_of(text.begin() + 1, text.end(), is_digit);
}

} // namespace

void compound::finish(term_writer& out) {
  if (size_ == 1) {
    write_part(parts_[0], out);
  } else if (size_ > 1 && !write_whole(out)) {
    for (std::size_t i = 0; i < size_; ++i)
      write_part(parts_[i], out);
    write_pairs(out);
    write_dotted_numbers(out);
  }
  size_ = 0;
}

/// What means nothing when taken apart.
bool compound::write_whole(term_writer& out) const {
  if (are_initials()) {
    out.word(lowered(joined(0, size_, false)));
    return true;
  }
  if (is_grouped_number()) {
    write_grouped_number(out);
    return true;
  }
  if (is_date()) {
    write_date(out);
    return true;
  }
  return false;
}

bool compound::are_initials() const {
  return std::all_of(parts_.begin(), parts_.begin() + size_, [](auto& part) {
    return part.text.size() == 1 && part.letters
           && (part.joiner == 0 || part.joiner == '.');
  });
}

/// "1,000,000", and "1,299.99" where groups come before a fraction.
bool compound::is_grouped_number() const {
  auto has_fraction = size_ > 2 && parts_[size_ - 1].joiner == '.';
  auto groups = has_fraction ? size_ - 1 : size_;
  return std::all_of(parts_.begin(), parts_.begin() + size_,
                     [](auto& part) { return part.digits && part.ascii; })
         && std::all_of(
           parts_.begin(), parts_.begin() + groups, [](auto& part) {
             return part.joiner == 0
                      ? part.text.size() <= digit_group
                      : part.joiner == ',' && part.text.size() == digit_group;
           });
}

void compound::write_grouped_number(term_writer& out) const {
  auto has_fraction = parts_[size_ - 1].joiner == '.';
  auto whole = joined(0, has_fraction ? size_ - 1 : size_, false);
  out.as_it_is(whole);
  if (!has_fraction)
    return;
  out.as_it_is(parts_[size_ - 1].text);
  out.as_it_is(whole + '.' + std::string{parts_[size_ - 1].text});
}

/// "2024-05-07", and what comes before the first colon of "2024-05-07T14:30".
bool compound::is_date() const {
  constexpr std::size_t date_parts = 3;
  constexpr std::size_t year_digits = 4;
  constexpr std::size_t day_digits_max = 2;
  constexpr int day_max = 31;
  if (size_ != date_parts || parts_[1].joiner != parts_[2].joiner
      || (parts_[1].joiner != '-' && parts_[1].joiner != '/'))
    return false;
  auto day_text = day_of(parts_[2].text);
  auto rest = parts_[2].text.substr(
    std::min(day_text.size() + 1, parts_[2].text.size()));
  auto all_digits = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
  };
  if (!all_digits(parts_[0].text) || !all_digits(parts_[1].text)
      || !all_digits(day_text) || (!rest.empty() && !all_digits(rest)))
    return false;
  auto month = number_of(parts_[1].text);
  auto day = number_of(day_text);
  return parts_[0].text.size() == year_digits
         && parts_[1].text.size() <= day_digits_max
         && day_text.size() <= day_digits_max && month >= 1
         && month <= static_cast<int>(month_names.size()) && day >= 1
         && day <= day_max;
}

void compound::write_date(term_writer& out) const {
  auto month = number_of(parts_[1].text);
  out.as_it_is(parts_[0].text);
  if (out.in() == language::english)
    out.word(month_names[static_cast<std::size_t>(month - 1)]);
  else
    out.as_it_is(std::to_string(month));
  auto day = day_of(parts_[2].text);
  out.as_it_is(std::to_string(number_of(day)));
  if (day.size() < parts_[2].text.size())
    out.as_it_is(parts_[2].text.substr(day.size() + 1));
}

/// "e-mails" are "emails" too, and "AT&T" is "at&t".
void compound::write_pairs(term_writer& out) const {
  // As long as "pre" and "sub".
  constexpr std::size_t short_bytes = 3;
  for (std::size_t i = 1; i < size_; ++i) {
    const auto& a = parts_[i - 1];
    const auto& b = parts_[i];
    auto plain = a.ascii && b.ascii && a.letters && b.letters;
    auto is_short
      = a.text.size() <= short_bytes || b.text.size() <= short_bytes;
    if (plain && is_short && b.joiner == '-')
      out.word(lowered(joined(i - 1, i + 1, false)));
    if (plain && is_short && b.joiner == '&')
      out.as_it_is(lowered(joined(i - 1, i + 1, true)));
  }
}

/// "3.14", and "v2.10.3" by "2.10" and "2.10.3".
void compound::write_dotted_numbers(term_writer& out) const {
  for (std::size_t from = 0; from < size_;) {
    auto to = from + 1;
    auto leads = parts_[from].digits || is_version_mark(parts_[from].text);
    while (leads && to < size_ && parts_[to].joiner == '.' && parts_[to].digits)
      ++to;
    for (auto end = from + 2; end <= to; ++end) {
      auto number = joined(from, end, true);
      out.as_it_is(parts_[from].digits ? number : number.substr(1));
    }
    from = to;
  }
}

std::string compound::joined(std::size_t from, std::size_t to,
                             bool with_joiners) const {
  std::string out;
  for (auto i = from; i < to; ++i) {
    if (with_joiners && i > from)
      out += parts_[i].joiner;
    out += parts_[i].text;
  }
  return out;
}

} // namespace cloister::search
