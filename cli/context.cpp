// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/context.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include "cli/passphrase.hpp"
#include "cli/server_note.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

constexpr std::chrono::milliseconds lock_patience{1000};

} // namespace

result<runtime_options> context::store_options() const {
  runtime_options options;
  options.data_dir = data_dir;
  options.create = false;
  auto source = with_passphrase(key, data_dir);
  if (source.has_error())
    return source.error();
  options.master_key_file = source->file;
  options.master_key_command = source->command;
  options.passphrase = source->passphrase;
  options.allow_personal_ids = allow_personal_ids;
  return options;
}

error context::told_of_server(error why) const {
  auto at = why.code == errc::unavailable ? server_note::read(data_dir)
                                          : std::nullopt;
  if (at)
    why.detail += "; a server has it at " + *at;
  return why;
}

result<void> context::check_local() const {
  if (url.empty())
    return {};
  return error{errc::invalid_argument,
               "this command works on a directory; leave --url and "
               "CLOISTER_URL away and use --data"};
}

result<runtime> context::open_runtime() const {
  if (auto local = check_local(); local.has_error())
    return local.error();
  auto given = store_options();
  if (given.has_error())
    return given.error();
  const auto& options = *given;
  // Another command is over in a moment; a longer holder is told of.
  auto until = std::chrono::steady_clock::now() + lock_patience;
  for (;;) {
    auto opened = runtime::open(options);
    if (opened && opened->sealed())
      return *opened->sealed();
    if (opened)
      return opened;
    if (opened.error().retry_after.count() == 0
        || std::chrono::steady_clock::now() > until)
      return told_of_server(opened.error());
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

result<void> context::check_identity() const {
  auto has_space = [](const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char letter) {
      return letter <= ' ' || letter == 0x7f;
    });
  };
  for (const auto& [text, name] :
       {std::pair{&api_key, "API key"}, {&user_id, "user-id"}})
    if (has_space(*text))
      return error{errc::invalid_argument,
                   std::string{"the "} + name
                     + " has a space or a line break in it; give it without"};
  if (empty_variable.empty())
    return {};
  return error{errc::invalid_argument,
               empty_variable + " is empty; unset it, or give it a value"};
}

result<client> context::open_client(std::string_view user_id_override) const {
  if (auto known = check_identity(); known.has_error())
    return known.error();
  if (api_key.empty())
    return error{errc::unauthenticated,
                 "an API key is needed; give --api-key or CLOISTER_API_KEY "
                 "(`cloister org create` prints one)"};
  auto opened = open_runtime();
  if (opened.has_error())
    return opened.error();
  return opened->client(api_key,
                        user_id_override.empty() ? user_id : user_id_override);
}

result<remote_client>
context::open_remote(std::string_view user_id_override) const {
  if (auto known = check_identity(); known.has_error())
    return known.error();
  if (api_key.empty())
    return error{errc::unauthenticated,
                 "an API key is needed; give --api-key or CLOISTER_API_KEY"};
  return remote_client::to(
    url, api_key,
    user_id_override.empty() ? user_id : std::string{user_id_override});
}

result<remote_operator> context::open_remote_operator() const {
  if (auto known = check_identity(); known.has_error())
    return known.error();
  if (api_key.empty())
    return error{errc::unauthenticated,
                 "at a server this is the operator's: give the operator key "
                 "that `cloister init` showed with --api-key or "
                 "CLOISTER_API_KEY"};
  return remote_operator::to(url, api_key);
}

exit_code fail(const error& failure) {
  print_error(failure);
  return exit_code_of(failure.code);
}

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  error malformed{errc::invalid_argument,
                  "a time looks like 2027-01-31T12:00:00Z, and a duration from "
                  "now like 90s, 10m, 12h or 30d"};
  std::int64_t number = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit{parsed.ptr, static_cast<std::size_t>(
                                      text.data() + text.size() - parsed.ptr)};
  constexpr std::int64_t number_max = 100'000'000;
  if (parsed.ec != std::errc{} || number <= 0 || number > number_max)
    return malformed;
  using namespace std::chrono;
  std::optional<milliseconds> span;
  if (unit == "s")
    span = seconds{number};
  else if (unit == "m")
    span = minutes{number};
  else if (unit == "h")
    span = hours{number};
  else if (unit == "d")
    span = days{number};
  if (!span)
    return malformed;
  constexpr days longest{365 * 1000};
  if (*span > longest)
    return error{errc::invalid_argument,
                 "a duration is at most a thousand years"};
  return *span;
}

result<timestamp> parse_moment(std::string_view text) {
  if (text.find('-') != std::string_view::npos)
    return parse_rfc3339(text);
  auto span = parse_duration(text);
  if (span.has_error())
    return span.error();
  return system_clock()->now() + *span;
}

} // namespace cloister::cli
