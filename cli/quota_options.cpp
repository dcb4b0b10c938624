// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/quota_options.hpp"

#include <algorithm>
#include <charconv>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

namespace cloister::cli {

namespace {

namespace json = boost::json;

std::string option_of(const quota_field& field) {
  std::string out{field.name};
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

std::string help_of(const quota_field& field) {
  static const std::map<std::string_view, std::string> texts{
    {"memories_max", "So many memories at most"},
    {"bytes_max", "So many bytes of memories at most"},
    {"sessions_max", "So many open sessions at most"},
    {"session_bytes_max", "So many bytes of memories in each session at most"},
    {"operations_per_second", "So many operations a second"},
    {"operations_burst", "So many operations at once; a second's worth if "
                         "absent"},
  };
  return texts.at(field.name) + "; none for no limit";
}

} // namespace

quota_texts add_quota_options(CLI::App& to, quota_owner whose) {
  auto texts = std::make_shared<std::map<std::string, std::string>>();
  for (const auto& field : quota_fields) {
    if (field.limit == &quota::session_bytes_max && whose == quota_owner::scope)
      continue;
    to.add_option_function<std::string>(
        "--" + option_of(field),
        [texts, name = std::string{field.name}](const std::string& text) {
          (*texts)[name] = text;
        },
        help_of(field))
      ->type_name("N");
  }
  return texts;
}

result<quota_changes>
parse_quota(const std::map<std::string, std::string>& texts) {
  quota_changes out;
  for (const auto& field : quota_fields) {
    auto given = texts.find(std::string{field.name});
    if (given == texts.end())
      continue;
    const auto& text = given->second;
    if (text == "none") {
      out.*field.change = std::optional<std::uint64_t>{};
      continue;
    }
    std::uint64_t number = 0;
    auto end = text.data() + text.size();
    auto [at, code] = std::from_chars(text.data(), end, number);
    if (text.empty() || code != std::errc{} || at != end)
      return error{errc::invalid_argument,
                   "--" + option_of(field) + " is a number, or none"};
    out.*field.change = std::optional{number};
  }
  return out;
}

std::string held_of(std::uint64_t held,
                    const std::optional<std::uint64_t>& most) {
  return std::to_string(held) + (most ? " of " + std::to_string(*most) : "");
}

std::string rate_text(const quota& limits) {
  if (!limits.operations_per_second)
    return "no limit";
  auto at_once
    = limits.operations_burst.value_or(*limits.operations_per_second);
  return std::to_string(*limits.operations_per_second) + " a second, "
         + std::to_string(at_once) + " at once";
}

std::vector<std::pair<std::string, std::string>>
quota_lines(const quota& limits) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& field : quota_fields)
    if (const auto& limit = limits.*field.limit)
      out.emplace_back(option_of(field), std::to_string(*limit));
  return out;
}

} // namespace cloister::cli
