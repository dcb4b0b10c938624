// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/rfc3339.hpp"

#include <charconv>
#include <cstdlib>

namespace cloister {

namespace {

using namespace std::chrono;

/// Reads fixed-width numbers off the front of a text.
class field_reader {
public:
  explicit field_reader(std::string_view text) : rest_(text) {}

  bool number(std::size_t width, int& out) {
    if (rest_.size() < width)
      return false;
    auto part = rest_.substr(0, width);
    for (auto c : part)
      if (c < '0' || c > '9')
        return false;
    std::from_chars(part.data(), part.data() + width, out);
    rest_.remove_prefix(width);
    return true;
  }

  bool literal(char expected) {
    if (rest_.empty() || rest_.front() != expected)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool either(char a, char b) {
    return literal(a) || literal(b);
  }

  /// ".123456": digits beyond the third are cut.
  bool fraction(int& out_milliseconds) {
    if (!literal('.'))
      return true;
    auto digits = rest_.find_first_not_of("0123456789");
    auto part = rest_.substr(0, digits);
    if (part.empty())
      return false;
    rest_.remove_prefix(part.size());
    for (std::size_t i = 0; i < 3; ++i)
      out_milliseconds
        = out_milliseconds * 10 + (i < part.size() ? part[i] - '0' : 0);
    return true;
  }

  bool offset(int& out_minutes) {
    if (either('Z', 'z'))
      return true;
    auto sign = literal('+') ? 1 : literal('-') ? -1 : 0;
    int hour = 0;
    int minute = 0;
    if (sign == 0 || !number(2, hour) || !literal(':') || !number(2, minute)
        || hour > 23 || minute > 59)
      return false;
    out_minutes = sign * (hour * 60 + minute);
    return true;
  }

  bool done() const {
    return rest_.empty();
  }

private:
  std::string_view rest_;
};

error malformed() {
  return {errc::invalid_argument,
          "not a time; write it like 2026-01-31T12:00:00Z"};
}

/// So many digits of a number, the last of them at a place.
void put_digits(std::string& to, std::size_t last, int digits,
                unsigned number) {
  constexpr unsigned base = 10;
  for (; digits > 0; --digits, --last, number /= base)
    to[last] = static_cast<char>('0' + number % base);
}

} // namespace

std::string to_rfc3339(timestamp at) {
  auto point = sys_time<milliseconds>{milliseconds{at.milliseconds}};
  auto day = floor<days>(point);
  auto date = year_month_day{day};
  auto time = hh_mm_ss{point - day};
  // By hand: answers are full of times, and printf reads its format anew each
  // time.
  auto year = std::abs(static_cast<int>(date.year()));
  constexpr int four_digits = 10'000;
  std::string out;
  if (static_cast<int>(date.year()) < 0)
    out += '-';
  if (year >= four_digits)
    out += std::to_string(year / four_digits);
  auto at_date = out.size();
  out += "0000-00-00T00:00:00.000Z";
  auto put = [&out, at_date](std::size_t last, int digits, auto number) {
    put_digits(out, at_date + last, digits, static_cast<unsigned>(number));
  };
  put(3, 4, year % four_digits);
  put(6, 2, static_cast<unsigned>(date.month()));
  put(9, 2, static_cast<unsigned>(date.day()));
  put(12, 2, time.hours().count());
  put(15, 2, time.minutes().count());
  put(18, 2, time.seconds().count());
  put(22, 3, time.subseconds().count());
  return out;
}

result<timestamp> parse_rfc3339(std::string_view text) {
  field_reader in{text};
  int y = 0, m = 0, d = 0, hour = 0, minute = 0, second = 0, ms = 0, shift = 0;
  if (!in.number(4, y) || !in.literal('-') || !in.number(2, m)
      || !in.literal('-') || !in.number(2, d))
    return malformed();
  auto date = year{y} / m / d;
  if (y < 1 || !date.ok())
    return malformed();
  if (!in.done()) {
    if (!in.either('T', 't') && !in.literal(' '))
      return malformed();
    if (!in.number(2, hour) || !in.literal(':') || !in.number(2, minute)
        || !in.literal(':') || !in.number(2, second) || !in.fraction(ms)
        || !in.offset(shift) || !in.done())
      return malformed();
    if (hour > 23 || minute > 59 || second > 60)
      return malformed();
  }
  auto point = sys_days{date} + hours{hour} + minutes{minute - shift}
               + seconds{second} + milliseconds{ms};
  return timestamp{
    duration_cast<milliseconds>(point.time_since_epoch()).count()};
}

} // namespace cloister
