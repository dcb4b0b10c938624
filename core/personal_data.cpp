// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/personal_data.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "core/encoding.hpp"

namespace cloister {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_alphanumeric(char c) {
  return is_digit(c) || is_letter(c);
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (auto byte = from_hex(text.substr(i + 1, 2))) {
        out += *byte;
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

/// Beyond ASCII everything counts as a letter: names have all of them.
bool is_wide(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}

/// "1.2", "v1.2": what follows an `@` or precedes a `+` in a version.
bool begins_like_a_version(std::string_view text) {
  if (!text.empty() && text[0] == 'v')
    text.remove_prefix(1);
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at]))
    ++at;
  return at > 0 && at + 1 < text.size() && text[at] == '.'
         && is_digit(text[at + 1]);
}

/// Two letters or more, or the ASCII form of an international one (RFC 5890).
bool begins_like_a_top_domain(std::string_view label) {
  if (label.starts_with("xn--"))
    return true;
  std::size_t letters = 0;
  while (letters < label.size()
         && (is_letter(label[letters]) || is_wide(label[letters])))
    ++letters;
  return letters >= 2 && (letters == label.size() || !is_digit(label[letters]));
}

/// A domain: labels with dots between, a top domain among them; whatever people
/// put behind it.
bool looks_like_domain(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()
         && (is_alphanumeric(text[end]) || is_wide(text[end])
             || text[end] == '.' || text[end] == '-'))
    ++end;
  auto domain = text.substr(0, end);
  if (begins_like_a_version(domain))
    return false;
  for (auto dot = domain.find('.'); dot != std::string_view::npos;
       dot = domain.find('.', dot + 1))
    if (dot > 0 && begins_like_a_top_domain(domain.substr(dot + 1)))
      return true;
  return false;
}

bool has_email_address(std::string_view text) {
  constexpr std::string_view also_in_local_parts = "_-.+~%";
  for (auto at = text.find('@'); at != std::string_view::npos;
       at = text.find('@', at + 1)) {
    if (at == 0)
      continue;
    auto before = text[at - 1];
    auto local = is_alphanumeric(before) || is_wide(before)
                 || also_in_local_parts.find(before) != std::string_view::npos;
    if (local && looks_like_domain(text.substr(at + 1)))
      return true;
  }
  return false;
}

/// A `+` that does not belong to a version, then 8 to 15 digits, with what
/// people write between them.
bool has_telephone_number(std::string_view text) {
  constexpr std::string_view between = "-. ()/";
  for (auto plus = text.find('+'); plus != std::string_view::npos;
       plus = text.find('+', plus + 1)) {
    if (plus > 0
        && (is_digit(text[plus - 1])
            || begins_like_a_version(text.substr(0, plus))))
      continue;
    std::size_t digits = 0;
    std::size_t gap = 0;
    auto i = plus + 1;
    for (; i < text.size() && gap < 3; ++i) {
      if (is_digit(text[i])) {
        ++digits;
        gap = 0;
      } else if (between.find(text[i]) != std::string_view::npos) {
        ++gap;
      } else {
        break;
      }
    }
    auto ends_cleanly = i == text.size() || !is_letter(text[i]);
    if (digits >= 8 && digits <= 15 && ends_cleanly)
      return true;
  }
  return false;
}

/// A maximal run of digit groups with one and the same separator.
struct digit_groups {
  std::string digits;
  std::vector<std::size_t> lengths;
  bool letter_before = false;
};

/// Every run of digits and `separator` with no letter behind it.
std::vector<digit_groups> grouped_digits(std::string_view text,
                                         char separator) {
  std::vector<digit_groups> out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    auto start = i;
    digit_groups run;
    run.lengths.push_back(0);
    while (i < text.size()) {
      if (is_digit(text[i])) {
        run.digits += text[i];
        ++run.lengths.back();
      } else if (text[i] == separator && i + 1 < text.size()
                 && is_digit(text[i + 1])) {
        run.lengths.push_back(0);
      } else {
        break;
      }
      ++i;
    }
    run.letter_before = start > 0 && is_letter(text[start - 1]);
    auto letter_behind = i < text.size() && is_letter(text[i]);
    if (!letter_behind && run.lengths.size() > 1)
      out.push_back(std::move(run));
  }
  return out;
}

/// The check digit of ISO/IEC 7812-1 annex B (Luhn).
bool passes_luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (auto i = digits.size(); i-- > 0; twice = !twice) {
    auto value = digits[i] - '0';
    if (twice)
      value = value * 2 > 9 ? value * 2 - 9 : value * 2;
    sum += value;
  }
  return sum % 10 == 0;
}

/// Visa 4, Mastercard 51-55 and 2221-2720, American Express 34 and 37, Diners
/// 30, 36, 38, 39, Discover 60, 64, 65, JCB 35, UnionPay 62, Maestro 50, 56-69.
bool has_issuer_prefix(std::string_view digits) {
  auto two = (digits[0] - '0') * 10 + (digits[1] - '0');
  auto four = two * 100 + (digits[2] - '0') * 10 + (digits[3] - '0');
  auto first = digits[0];
  return first == '4' || (two >= 50 && two <= 69) || two == 30 || two == 34
         || two == 35 || two == 36 || two == 37 || two == 38 || two == 39
         || (four >= 2221 && four <= 2720);
}

using group_lengths = std::span<const std::size_t>;

bool is_grouped_as_on_a_card(group_lengths lengths) {
  static const std::vector<std::vector<std::size_t>> shapes{
    {4, 4, 4, 4}, {4, 6, 5},       {4, 6, 4},       {4, 5, 6},
    {4, 4, 5},    {4, 4, 4, 1},    {4, 4, 4, 2},    {4, 4, 4, 3},
    {6, 13},      {4, 4, 4, 4, 1}, {4, 4, 4, 4, 2}, {4, 4, 4, 4, 3},
  };
  return std::any_of(shapes.begin(), shapes.end(), [&](const auto& shape) {
    return std::equal(shape.begin(), shape.end(), lengths.begin(),
                      lengths.end());
  });
}

/// Whether some groups of a run, side by side, are a card's.
bool has_card_inside(const digit_groups& run) {
  std::size_t from = 0;
  for (std::size_t first = 0; first < run.lengths.size();
       from += run.lengths[first++]) {
    // Letters and digits together are a number of another kind.
    if (first == 0 && run.letter_before)
      continue;
    std::size_t size = 0;
    for (std::size_t end = first; end < run.lengths.size(); ++end) {
      size += run.lengths[end];
      auto digits = std::string_view{run.digits}.substr(from, size);
      if (is_grouped_as_on_a_card(
            group_lengths{run.lengths}.subspan(first, end + 1 - first))
          && has_issuer_prefix(digits) && passes_luhn(digits))
        return true;
    }
  }
  return false;
}

bool has_card_number(std::string_view text) {
  for (auto separator : std::string_view{"-.+:_ |=~"})
    for (const auto& run : grouped_digits(text, separator))
      if (has_card_inside(run))
        return true;
  return false;
}

bool has_social_security_number(std::string_view text) {
  for (const auto& run : grouped_digits(text, '-'))
    if (run.lengths == std::vector<std::size_t>{3, 2, 4})
      return true;
  return false;
}

} // namespace

std::optional<std::string_view> personal_data_in(std::string_view segment) {
  // The kind ("user_") is not part of what a person wrote.
  auto underscore = segment.find('_');
  if (underscore != std::string_view::npos)
    segment.remove_prefix(underscore + 1);
  auto text = percent_decoded(segment);
  if (has_email_address(text))
    return "an e-mail address";
  if (has_telephone_number(text))
    return "a telephone number";
  if (has_social_security_number(text))
    return "a social security number";
  if (has_card_number(text))
    return "a payment card number";
  return std::nullopt;
}

} // namespace cloister
