// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/personal_data.hpp"

#include <array>
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

/// A domain: labels with dots between, the last of two letters or more.
bool looks_like_domain(std::string_view text) {
  auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
  auto domain = text.substr(0, end);
  while (!domain.empty() && !is_alphanumeric(domain.back()))
    domain.remove_suffix(1);
  auto dot = domain.rfind('.');
  if (dot == std::string_view::npos || dot == 0)
    return false;
  auto top = domain.substr(dot + 1);
  if (top.size() < 2)
    return false;
  for (auto c : top)
    if (!is_letter(c))
      return false;
  return true;
}

bool has_email_address(std::string_view text) {
  for (auto at = text.find('@'); at != std::string_view::npos;
       at = text.find('@', at + 1))
    if (at > 0 && (is_alphanumeric(text[at - 1]) || text[at - 1] == '_')
        && looks_like_domain(text.substr(at + 1)))
      return true;
  return false;
}

/// A `+` that does not follow a letter or digit (so that the build part of a
/// version is innocent), then 8 to 15 digits, singly separated or not.
bool has_telephone_number(std::string_view text) {
  for (auto plus = text.find('+'); plus != std::string_view::npos;
       plus = text.find('+', plus + 1)) {
    if (plus > 0 && is_alphanumeric(text[plus - 1]))
      continue;
    std::size_t digits = 0;
    auto i = plus + 1;
    for (; i < text.size(); ++i) {
      if (is_digit(text[i]))
        ++digits;
      else if ((text[i] != '-' && text[i] != '.') || !is_digit(text[i - 1]))
        break;
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
};

/// Every run of digits and `separator` that no letter touches.
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
    auto touched = (start > 0 && is_letter(text[start - 1]))
                   || (i < text.size() && is_letter(text[i]));
    if (!touched && run.lengths.size() > 1)
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

bool is_grouped_as_on_a_card(const std::vector<std::size_t>& lengths) {
  static const std::vector<std::vector<std::size_t>> shapes{
    {4, 4, 4, 4}, {4, 6, 5},       {4, 6, 4},       {4, 5, 6},
    {4, 4, 5},    {4, 4, 4, 1},    {4, 4, 4, 2},    {4, 4, 4, 3},
    {6, 13},      {4, 4, 4, 4, 1}, {4, 4, 4, 4, 2}, {4, 4, 4, 4, 3},
  };
  for (const auto& shape : shapes)
    if (lengths == shape)
      return true;
  return false;
}

bool has_card_number(std::string_view text) {
  for (auto separator : {'-', '.', '+', ':', '_'})
    for (const auto& run : grouped_digits(text, separator))
      if (is_grouped_as_on_a_card(run.lengths) && has_issuer_prefix(run.digits)
          && passes_luhn(run.digits))
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
