// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/output.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>

#include <boost/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/encoding.hpp"
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

json::value optional_time(const std::optional<timestamp>& at) {
  if (!at)
    return nullptr;
  return json::value(to_rfc3339(*at));
}

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

constexpr std::size_t last_column_min = 16;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
    std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
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

/// One line of printable characters: tenants' text must not drive a terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at + 1;
    while (end < text.size()
           && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
      ++end;
    auto character = text.substr(at, end - at);
    if (is_control(character))
      out.push_back(' ');
    else
      out.append(character);
    at = end;
  }
  return out;
}

std::string cut(std::string text, std::size_t width) {
  if (characters(text) <= width || width < 2)
    return text;
  std::size_t kept = 0;
  std::size_t at = 0;
  while (at < text.size() && kept + 1 < width) {
    ++at;
    while (at < text.size()
           && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
      ++at;
    ++kept;
  }
  return text.substr(0, at) + "…";
}

} // namespace

exit_code exit_code_of(errc code) {
  switch (code) {
    case errc::ok:
      return exit_code::done;
    case errc::invalid_argument:
      return exit_code::usage;
    case errc::overloaded:
    case errc::unavailable:
    case errc::sealed:
    case errc::quarantined:
    case errc::timeout:
      return exit_code::unavailable;
    case errc::corrupted:
      return exit_code::corrupted;
    default:
      return exit_code::refused;
  }
}

void print_table(const std::vector<std::string>& headings,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(headings.size());
  for (const auto& heading : headings)
    widths.push_back(heading.size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], characters(printable(row[i])));
  auto terminal = terminal_width();
  auto print_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      auto cell = printable(row[i]);
      if (i + 1 == row.size()) {
        auto used = characters(line);
        auto room = terminal > used ? terminal - used : 0;
        // What has no room beside the others stands below them.
        if (terminal > 0 && room < last_column_min && !cell.empty()) {
          line += "\n  ";
          room = terminal > 2 ? terminal - 2 : 1;
        }
        line += terminal > 0 ? cut(cell, room) : cell;
      } else {
        line += cell + std::string(widths[i] - characters(cell) + 2, ' ');
      }
    }
    std::cout << line << '\n';
  };
  print_row(headings);
  for (const auto& row : rows)
    print_row(row);
}

void print_fields(
  const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields)
    width = std::max(width, name.size());
  for (const auto& [name, value] : fields)
    std::cout << name << std::string(width - name.size() + 2, ' ')
              << printable(value) << '\n';
}

std::string counted(std::uint64_t number, std::string_view one,
                    std::string_view many) {
  return std::to_string(number) + ' ' + std::string{number == 1 ? one : many};
}

void print_json(const json::value& document) {
  std::cout << to_json_text(document) << '\n';
}

void print_error(const error& failure) {
  std::cerr << "cloister: " << to_string(failure.code) << ": "
            << printable(failure.detail) << '\n';
}

json::object to_json(const memory& value, const scope& where) {
  json::object out;
  out["id"] = value.id.to_string();
  out["scope"] = where.path();
  out["content"] = value.content;
  out["memory_type"] = value.type;
  boost::system::error_code code;
  out["metadata"] = json::parse(value.metadata, code);
  out["key"] = value.key ? json::value(*value.key) : json::value(nullptr);
  out["author"] = value.author;
  out["revision"] = value.revision;
  out["created_at"] = to_rfc3339(value.created_at);
  out["updated_at"] = to_rfc3339(value.updated_at);
  out["expires_at"] = optional_time(value.expires_at);
  if (!value.embedding.empty())
    out["embedding"] = json::value_from(value.embedding);
  if (value.origin)
    out["origin"] = json::object{{"id", value.origin->id.to_string()},
                                 {"revision", value.origin->revision}};
  return out;
}

json::object to_json(const key_info& key) {
  return {{"key_id", key.key_id},
          {"scope", key.scope},
          {"permissions", to_string(key.permissions)},
          {"label", key.label},
          {"created_at", to_rfc3339(key.created_at)},
          {"expires_at", optional_time(key.expires_at)},
          {"revoked_at", optional_time(key.revoked_at)},
          {"ancestors", key.ancestors},
          {"promote_to", key.promote_to ? json::value(*key.promote_to)
                                        : json::value(nullptr)}};
}

json::object to_json(const scope_summary& summary) {
  return {{"scope", summary.name.path()},
          {"tag", summary.tag},
          {"incarnation", summary.incarnation},
          {"created_at", to_rfc3339(summary.created_at)},
          {"memories", summary.memories},
          {"bytes", summary.bytes},
          {"audit_entries", summary.audit_entries}};
}

json::object to_json(const audit_record& record) {
  json::array targets;
  for (const auto& id : record.targets)
    targets.emplace_back(id.to_string());
  json::object out{{"index", record.index},
                   {"time", to_rfc3339(record.at)},
                   {"principal", record.principal},
                   {"key_id", record.key_id.empty()
                                ? json::value(nullptr)
                                : json::value(record.key_id)},
                   {"operation", record.operation},
                   {"scope", record.scope},
                   {"outcome", record.outcome},
                   {"reason", record.reason},
                   {"request_id", record.request_id},
                   {"count", record.count},
                   {"targets", std::move(targets)}};
  if (!record.child.empty())
    out["child"] = record.child;
  if (!record.target.empty())
    out["target_scope"] = record.target;
  return out;
}

std::string short_time(timestamp at) {
  auto text = to_rfc3339(at);
  text[10] = ' ';
  return text.substr(0, 16) + 'Z';
}

} // namespace cloister::cli
