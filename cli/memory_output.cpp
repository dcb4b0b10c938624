// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/memory_output.hpp"

#include <iostream>
#include <iterator>

#include <boost/json.hpp>

namespace cloister::cli {

std::string text_of(const std::string& argument) {
  if (argument != "-")
    return argument;
  // A byte more than is accepted: what follows need not be read.
  std::string text(limits::content_bytes_max + 2, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::cin.gcount()));
  // Only at its end: a longer one must stay too long.
  while (text.size() <= limits::content_bytes_max + 1 && !text.empty()
         && text.back() == '\n')
    text.pop_back();
  return text;
}

std::string not_blank(const std::string& json) {
  return json.empty() ? " " : json;
}

exit_code show_memory(const context& shared, const memory& value,
                      const scope& where) {
  if (shared.style.json) {
    print_json(to_json(value, where));
    return exit_code::done;
  }
  if (shared.style.quiet)
    return exit_code::done;
  std::vector<std::pair<std::string, std::string>> fields{
    {"id", value.id.to_string()},
    {"scope", std::string{where.path()}},
    {"type", value.type},
    {"revision", std::to_string(value.revision)},
    {"author", value.author},
    {"created", short_time(value.created_at)},
    {"updated", short_time(value.updated_at)}};
  if (value.expires_at)
    fields.emplace_back("expires", short_time(*value.expires_at));
  if (value.key)
    fields.emplace_back("key", *value.key);
  if (value.metadata != "{}")
    fields.emplace_back("metadata", value.metadata);
  fields.emplace_back("content", value.content);
  print_fields(fields);
  return exit_code::done;
}

} // namespace cloister::cli
