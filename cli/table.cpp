// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/table.hpp"

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdlib>
#include <cwchar>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace cloister::cli {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t last_column_min = 16;
constexpr std::size_t column_min = 8;
/// Text that is to be read has a line of its own rather than less than this.
constexpr std::size_t text_column_min = 40;

/// Columns of the terminal, or 0 where output does not go to one. COLUMNS
/// overrules it.
std::size_t terminal_width() {
  std::size_t columns = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  if (auto set = std::getenv("COLUMNS"); set != nullptr) {
    std::string_view text{set};
    std::from_chars(text.data(), text.data() + text.size(), columns);
    return columns;
  }
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0
      || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    return 0;
  return size.ws_col;
}

/// One character of UTF-8 and how many columns it takes: two for most of East
/// Asia's, none for combining marks.
struct glyph {
  std::string_view text;
  std::size_t width = 1;
};

glyph glyph_at(std::string_view text, std::size_t at) {
  static const bool ready = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  auto end = at + 1;
  while (end < text.size()
         && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    ++end;
  glyph out{text.substr(at, end - at)};
  wchar_t wide = 0;
  std::mbstate_t state{};
  if (!ready || out.text.size() == 1
      || std::mbrtowc(&wide, out.text.data(), out.text.size(), &state)
           > out.text.size())
    return out;
  auto width = ::wcwidth(wide);
  out.width = width < 0 ? 1 : static_cast<std::size_t>(width);
  return out;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    auto next = glyph_at(text, at);
    width += next.width;
    at += next.text.size();
  }
  return width;
}

/// Whether a character drives a terminal, or turns the direction of the text
/// around it: C0, DEL, C1, and Unicode's embeddings, overrides and isolates.
bool is_control(std::string_view character) {
  auto at = [&](std::size_t i) {
    return i < character.size() ? static_cast<unsigned char>(character[i]) : 0u;
  };
  if (character.size() == 1)
    return at(0) < 0x20 || at(0) == 0x7f;
  if (character.size() == 2)
    return at(0) == 0xc2 && at(1) < 0xa0;
  return character.size() == 3 && at(0) == 0xe2
         && ((at(1) == 0x80 && at(2) >= 0xaa && at(2) <= 0xae)
             || (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9));
}

std::string cut(const std::string& text, std::size_t width) {
  if (width < 2 || width_of(text) <= width)
    return text;
  std::size_t kept = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    auto next = glyph_at(text, at);
    if (kept + next.width + 1 > width)
      break;
    kept += next.width;
    at += next.text.size();
  }
  return text.substr(0, at) + "…";
}

/// Keeps the end, where names differ that begin alike.
std::string cut_in_front(const std::string& text, std::size_t width) {
  auto over = width_of(text);
  if (width < 2 || over <= width)
    return text;
  std::size_t at = 0;
  while (at < text.size() && over + 1 > width) {
    auto next = glyph_at(text, at);
    over -= next.width;
    at += next.text.size();
  }
  return "…" + text.substr(at);
}

/// There to be read.
bool is_text(const std::string& heading) {
  return heading == "CONTENT" || heading == "DETAIL";
}

/// There to be copied.
bool stays_whole(const std::string& heading) {
  return heading == "KEY" || heading.ends_with("ID");
}

class table {
public:
  table(const std::vector<std::string>& headings,
        const std::vector<std::vector<std::string>>& rows)
    : headings_(headings), terminal_(terminal_width()) {
    for (const auto& heading : headings)
      widths_.push_back(heading.size());
    for (const auto& row : rows) {
      std::vector<std::string> cells;
      for (std::size_t i = 0; i < row.size(); ++i) {
        cells.push_back(printable(row[i]));
        widths_[i] = std::max(widths_[i], width_of(cells[i]));
      }
      rows_.push_back(std::move(cells));
    }
    if (terminal_ == 0)
      return;
    for (const auto* heading : {"UPDATED", "TYPE"})
      if (least_width() > terminal_)
        drop(heading);
    below_ = is_text(headings_.back()) && room_for_last() < text_column_min
             && room_for_last() < widths_.back();
    for (const auto* heading : {"UPDATED", "TYPE"})
      if (below_ && room_for_last() == 0)
        drop(heading);
    shrink();
  }

  void print() const {
    print_row(headings_);
    for (const auto& row : rows_)
      print_row(row);
  }

private:
  /// With nothing cut.
  std::size_t room_for_last() const {
    std::size_t used = 0;
    for (std::size_t i = 0; i + 1 < widths_.size(); ++i)
      used += widths_[i] + gap;
    return terminal_ > used ? terminal_ - used : 0;
  }

  /// With all that may be cut cut as far as it may.
  std::size_t least_width() const {
    auto last = widths_.size() - 1;
    auto sum = std::min(widths_[last], last_column_min);
    for (std::size_t i = 0; i < last; ++i)
      sum += gap
             + (stays_whole(headings_[i]) ? widths_[i]
                                          : std::min(widths_[i], column_min));
    return sum;
  }

  void drop(std::string_view heading) {
    auto found = std::find(headings_.begin(), headings_.end(), heading);
    auto at = found - headings_.begin();
    if (found == headings_.end())
      return;
    headings_.erase(found);
    widths_.erase(widths_.begin() + at);
    for (auto& row : rows_)
      row.erase(row.begin() + at);
  }

  /// Takes from the widest column that may be cut until the last one has room.
  void shrink() {
    auto last = widths_.size() - 1;
    for (;;) {
      auto wanted = below_ ? 0 : std::min(widths_[last], last_column_min);
      for (std::size_t i = 0; i < last; ++i)
        wanted += widths_[i] + gap;
      if (wanted <= terminal_)
        return;
      std::size_t widest = last;
      for (std::size_t i = 0; i < last; ++i)
        if (!stays_whole(headings_[i]) && widths_[i] > column_min
            && (widest == last || widths_[i] > widths_[widest]))
          widest = i;
      if (widest == last)
        return;
      --widths_[widest];
    }
  }

  void print_row(const std::vector<std::string>& row) const {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      auto cell = headings_[i] == "SCOPE" ? cut_in_front(row[i], widths_[i])
                                          : cut(row[i], widths_[i]);
      auto used = width_of(cell);
      line += cell + std::string(widths_[i] - std::min(used, widths_[i]), ' ')
              + std::string(gap, ' ');
    }
    auto last = last_cell(row.back(), width_of(line));
    if (last.empty() || last.front() == '\n')
      line.erase(line.find_last_not_of(' ') + 1);
    line += last;
    std::cout << line << '\n';
  }

  std::string last_cell(const std::string& cell, std::size_t used) const {
    if (terminal_ == 0)
      return cell;
    auto room = terminal_ > used ? terminal_ - used : 0;
    if (!below_ && room >= std::min(last_column_min, width_of(cell)))
      return cut(cell, room);
    if (cell.empty())
      return {};
    auto below = terminal_ > gap ? terminal_ - gap : 1;
    return '\n' + std::string(gap, ' ') + cut(cell, below);
  }

  std::vector<std::string> headings_;
  std::size_t terminal_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  /// The last column has a line of its own.
  bool below_ = false;
};

} // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto character = glyph_at(text, at).text;
    if (is_control(character))
      out.push_back(' ');
    else
      out.append(character);
    at += character.size();
  }
  return out;
}

void print_table(const std::vector<std::string>& headings,
                 const std::vector<std::vector<std::string>>& rows) {
  table{headings, rows}.print();
}

} // namespace cloister::cli
