// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/receipt.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct start_arguments {
  bool resumable = false;
  std::string idle;
  std::string absolute;
  std::string lease;
};

/// "30m"; "none" is no such limit.
result<void> read_timeout(const std::string& option, const std::string& text,
                          std::chrono::milliseconds& into) {
  if (text.empty())
    return {};
  if (text == "none") {
    into = std::chrono::milliseconds{0};
    return {};
  }
  auto span = parse_duration(text);
  if (span.has_error())
    return error{errc::invalid_argument, option
                                           + " takes a time like 90s, 10m, "
                                             "12h or 30d, or none"};
  into = *span;
  return {};
}

result<session_options> to_options(const start_arguments& asked) {
  session_options out;
  out.resumable = asked.resumable;
  auto idle = read_timeout("--idle", asked.idle, out.idle_timeout);
  auto absolute
    = read_timeout("--absolute", asked.absolute, out.absolute_timeout);
  auto lease = read_timeout("--lease", asked.lease, out.lease);
  for (const auto* each : {&idle, &absolute, &lease})
    if (each->has_error())
      return each->error();
  return out;
}

std::string shown_expiry(const session_info& info) {
  return info.expires_at ? short_time(*info.expires_at) : "never";
}

/// The session's own key is narrowed from the one it was opened with. It needs
/// no expiry: it ends with the session.
result<std::optional<std::string>> key_for(const context& shared,
                                           const session_info& info) {
  if (shared.api_key.empty())
    return std::optional<std::string>{};
  narrowing to;
  to.scope = std::string{info.scope.path()};
  auto key = narrow_key(shared.api_key, to);
  if (key.has_error())
    return key.error();
  return std::optional{std::move(*key)};
}

exit_code run_start(context& shared, const start_arguments& asked) {
  if (!asked.resumable && shared.url.empty())
    return fail({errc::invalid_argument,
                 "an ephemeral session ends with the process that opened it, "
                 "which would be this command; give --resumable, or open it "
                 "through a server or the library"});
  auto options = to_options(asked);
  if (options.has_error())
    return fail(options.error());
  return shared.with_client([&](const auto& bound) {
    auto opened = bound.open_session(*options);
    if (opened.has_error())
      return fail(opened.error());
    opened->detach();
    auto info = opened->info();
    auto key = key_for(shared, info);
    if (key.has_error())
      return fail(key.error());
    if (shared.style.json) {
      auto document = to_json(info);
      document["api_key"] = *key ? json::value(**key) : json::value(nullptr);
      print_json(document);
    } else if (shared.style.quiet) {
      std::cout << key->value_or(std::string{info.scope.path()}) << '\n';
    } else {
      print_fields({{"session", std::string{info.scope.name()}},
                    {"scope", std::string{info.scope.path()}},
                    {"expires", shown_expiry(info)},
                    {"api key", key->value_or("-")}});
    }
    return exit_code::done;
  });
}

exit_code run_list(context& shared) {
  return shared.with_client([&](const auto& bound) {
    return show(
      bound.list_sessions(), [&](const std::vector<session_info>& found) {
        json::array rows;
        std::vector<std::vector<std::string>> cells;
        for (const auto& each : found) {
          rows.push_back(to_json(each));
          cells.push_back({std::string{each.scope.path()},
                           each.resumable ? "resumable" : "ephemeral",
                           short_time(each.opened_at), shown_expiry(each)});
        }
        if (shared.style.json)
          print_json(json::object{{"results", std::move(rows)}});
        else if (!shared.style.quiet)
          print_table({"SESSION", "KIND", "OPENED", "EXPIRES"}, cells);
        return exit_code::done;
      });
  });
}

exit_code run_renew(context& shared, const std::string& name) {
  return shared.with_client([&](const auto& bound) {
    return show(bound.renew_session(name), [&](const session_info& info) {
      if (shared.style.json)
        print_json(to_json(info));
      else if (!shared.style.quiet)
        std::cout << info.scope.path() << " expires " << shown_expiry(info)
                  << '\n';
      return exit_code::done;
    });
  });
}

exit_code run_end(context& shared, const std::string& name) {
  return shared.with_client([&](const auto& bound) {
    return show(bound.end_session(name), [&](const erasure_receipt& receipt) {
      return show_receipt(shared, receipt);
    });
  });
}

exit_code run_receipt(context& shared, const std::string& name) {
  return shared.with_client([&](const auto& bound) {
    return show(bound.find_receipt(name), [&](const erasure_receipt& receipt) {
      return show_receipt(shared, receipt, receipt_time::earlier);
    });
  });
}

void add_start(CLI::App& group, context& shared) {
  auto start = group.add_subcommand("start", "Open a session");
  start->footer(
    "A session is a scope whose memories vanish with it. Its name and a key "
    "for it alone are\nprinted; the key is narrowed from the one you have, and "
    "stored nowhere.\nExample:\n  cloister session start --resumable --idle "
    "30m --user-id agent_planner");
  auto asked = std::make_shared<start_arguments>();
  start->add_flag("--resumable", asked->resumable,
                  "It outlives this process, until it ends");
  start->add_option("--idle", asked->idle,
                    "Ends when unused for so long; 30m if absent, or none");
  start->add_option("--absolute", asked->absolute,
                    "Ends after so long in any case; 24h if absent, or none");
  start->add_option("--lease", asked->lease,
                    "Ends when not renewed for so long; none if absent");
  start->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_start(c, *asked); };
  });
}

} // namespace

void add_session_commands(CLI::App& app, context& shared) {
  auto group = app.add_subcommand("session",
                                  "Sessions, whose memories vanish with them");
  group->require_subcommand(1);
  add_start(*group, shared);
  group->add_subcommand("list", "List the open sessions below the bound scope")
    ->callback([&shared] { shared.run = run_list; });
  auto renew = group->add_subcommand(
    "renew", "Start a session's lease and idle time anew");
  auto renewed = std::make_shared<std::string>();
  renew->add_option("session", *renewed,
                    "Its name below the bound scope; that itself if absent");
  renew->callback([&shared, renewed] {
    shared.run = [renewed](context& c) { return run_renew(c, *renewed); };
  });
  auto end = group->add_subcommand(
    "end", "End a session: its key is destroyed, its memories are gone");
  auto ended = std::make_shared<std::string>();
  end->add_option("session", *ended,
                  "Its name below the bound scope; that itself if absent");
  end->callback([&shared, ended] {
    shared.run = [ended](context& c) { return run_end(c, *ended); };
  });
  auto receipt = group->add_subcommand(
    "receipt", "Sign the receipt of a session that has ended");
  receipt->footer(
    "However it ended: by itself, too, and in another process. Wants a key "
    "with `audit`.\nExample:\n  cloister session receipt session_42 --user-id "
    "agent_planner --json");
  auto gone = std::make_shared<std::string>();
  receipt->add_option("session", *gone, "Its name below the bound scope")
    ->required();
  receipt->callback([&shared, gone] {
    shared.run = [gone](context& c) { return run_receipt(c, *gone); };
  });
}

} // namespace cloister::cli
