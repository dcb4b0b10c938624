// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "core/operator_key.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct create_options {
  std::string scope;
  std::string permissions;
  std::string expires;
  std::string label;
  std::string ancestors = "all";
  std::string promote_to;
};

exit_code show_key(const context& shared, const new_key& made) {
  if (shared.style.json) {
    auto document = to_json(made.info);
    document["api_key"] = made.api_key;
    print_json(document);
  } else {
    std::cout << "A key for " << made.info.scope << " ("
              << to_string(made.info.permissions)
              << ") was made. It is not shown again:\n\n  " << made.api_key
              << '\n';
  }
  return exit_code::done;
}

/// Whoever can open the store, or has the operator's key of a server, can give
/// an organization a key that lost its own.
bool is_asked_by_operator(const context& shared, const create_options& asked) {
  if (!asked.scope.starts_with("org_"))
    return false;
  return shared.url.empty() ? shared.api_key.empty()
                            : shared.api_key.starts_with(operator_key_prefix);
}

template <class Print>
exit_code create_as_operator(const context& shared, const key_options& options,
                             Print print) {
  auto name = options.root.substr(0, options.root.find('/'));
  return shared.with_operator([&](const auto& opened) {
    return show(opened.existing_organization(name), [&](const auto& found) {
      return show(found.create_key(options), print);
    });
  });
}

exit_code run_create(context& shared, const create_options& asked) {
  key_options options;
  auto allowed = parse_permissions(asked.permissions);
  if (allowed.has_error())
    return fail(allowed.error());
  options.permissions = *allowed;
  options.label = asked.label;
  options.ancestors = asked.ancestors;
  options.root = asked.scope;
  if (!asked.promote_to.empty())
    options.promote_to = asked.promote_to;
  if (!asked.expires.empty()) {
    auto at = parse_moment(asked.expires);
    if (at.has_error())
      return fail(at.error());
    options.expires_at = *at;
  }
  if (auto known = shared.check_identity(); known.has_error())
    return fail(known.error());
  auto print = [&](const new_key& made) { return show_key(shared, made); };
  if (is_asked_by_operator(shared, asked))
    return create_as_operator(shared, options, print);
  return shared.with_client([&](const auto& bound) {
    return show(bound.create_key(std::move(options)), print);
  });
}

exit_code show_keys(const context& shared, const std::vector<key_info>& keys) {
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& key : keys) {
    rows.push_back(to_json(key));
    auto state = std::string{"active"};
    if (key.revoked_at)
      state = "revoked";
    else if (key.expires_at)
      state = (*key.expires_at <= system_clock()->now() ? "expired " : "until ")
              + short_time(*key.expires_at);
    cells.push_back(
      {key.key_id, key.scope, to_string(key.permissions), state, key.label});
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(rows)}});
  else if (!shared.style.quiet)
    print_table({"KEY ID", "SCOPE", "PERMISSIONS", "STATE", "LABEL"}, cells);
  return exit_code::done;
}

exit_code run_list(context& shared) {
  return shared.with_client([&](const auto& bound) {
    return show(bound.list_keys(),
                [&](const auto& keys) { return show_keys(shared, keys); });
  });
}

exit_code run_revoke(context& shared, const std::string& id) {
  return shared.with_client([&](const auto& bound) {
    return show(bound.revoke_key(id), [&](const key_info& revoked) {
      if (shared.style.json)
        print_json(to_json(revoked));
      else if (!shared.style.quiet)
        // A key's text is a secret, also when it is no good any more.
        std::cout << "The key "
                  << (id.starts_with("cloister_") ? revoked.key_id : id)
                  << (revoked.revoked_at ? " is revoked.\n"
                                         : " as it was narrowed is revoked.\n");
      return exit_code::done;
    });
  });
}

struct narrow_options {
  std::string scope;
  std::string permissions;
  std::string expires;
  std::string ancestors;
  std::string promote_to;

  bool changes_something() const {
    return !(scope + permissions + expires + ancestors + promote_to).empty();
  }
};

result<narrowing> to_narrowing(const narrow_options& asked) {
  narrowing to;
  auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
  };
  to.scope = given(asked.scope);
  to.ancestors = given(asked.ancestors);
  to.promote_to = given(asked.promote_to);
  if (!asked.permissions.empty()) {
    auto allowed = parse_permissions(asked.permissions);
    if (allowed.has_error())
      return allowed.error();
    to.permissions = *allowed;
  }
  if (!asked.expires.empty()) {
    auto at = parse_moment(asked.expires);
    if (at.has_error())
      return at.error();
    to.expires_at = *at;
  }
  return to;
}

exit_code show_narrowed(const context& shared, const std::string& api_key,
                        const narrowing& to) {
  if (!shared.style.json) {
    std::cout << api_key << '\n';
    return exit_code::done;
  }
  auto text = [](const std::optional<std::string>& value) {
    return value ? json::value(*value) : json::value(nullptr);
  };
  json::object document{{"api_key", api_key}};
  document["scope"] = text(to.scope);
  document["permissions"] = to.permissions
                              ? json::value(to_string(*to.permissions))
                              : json::value(nullptr);
  document["expires_at"]
    = to.expires_at ? json::value(to_rfc3339(*to.expires_at)) : nullptr;
  document["ancestors"] = text(to.ancestors);
  document["promote_to"] = text(to.promote_to);
  print_json(document);
  return exit_code::done;
}

/// Needs no store, only the key.
exit_code run_narrow(context& shared, const narrow_options& asked) {
  if (auto known = shared.check_identity(); known.has_error())
    return fail(known.error());
  if (shared.api_key.empty())
    return fail({errc::unauthenticated, "there is no key to narrow; give "
                                        "--api-key or CLOISTER_API_KEY"});
  if (!asked.changes_something())
    return fail({errc::invalid_argument,
                 "nothing is narrowed; give --scope, --permissions, --expires, "
                 "--ancestors or --promote-to"});
  auto to = to_narrowing(asked);
  if (to.has_error())
    return fail(to.error());
  return show(narrow_key(shared.api_key, *to),
              [&](const std::string& narrowed) {
                return show_narrowed(shared, narrowed, *to);
              });
}

void add_narrow(CLI::App& key, context& shared) {
  auto narrow = key.add_subcommand(
    "narrow", "Make a key that can do less out of the one you have");
  narrow->footer(
    "Needs no store: the new key is made from the one given, can only be "
    "narrowed further,\nand ends with it. What is not given stays as it is.\n"
    "Example:\n  cloister key narrow --scope session_42 --permissions "
    "read,write --expires 10m");
  auto options = std::make_shared<narrow_options>();
  narrow->add_option("--scope", options->scope,
                     "Its root, below that of the key it comes from");
  narrow->add_option("--permissions", options->permissions,
                     "Of read, write, delete, share, audit, admin");
  narrow->add_option("--expires", options->expires, "E.g. 10m, or a time");
  narrow->add_option("--ancestors", options->ancestors,
                     "How far up it may read: all that the key it comes from "
                     "may, none, or a scope");
  narrow->add_option("--promote-to", options->promote_to,
                     "The one scope outside its root it may share to");
  narrow->callback([&shared, options] {
    shared.run = [options](context& c) { return run_narrow(c, *options); };
  });
}

} // namespace

void add_key_commands(CLI::App& app, context& shared) {
  auto key = app.add_subcommand("key", "API keys of an organization");
  key->require_subcommand(1);

  auto create = key->add_subcommand("create", "Create a key");
  create->footer("Example:\n  cloister key create --scope team_eng "
                 "--permissions read,write --expires 30d --label planner\n"
                 "For an organization that lost its keys, without "
                 "CLOISTER_API_KEY, or at a server with the operator key in "
                 "it:\n  cloister key create --scope org_acme "
                 "--permissions all");
  auto options = std::make_shared<create_options>();
  create->add_option("--scope", options->scope,
                     "Its root, e.g. team_eng; the bound scope if absent");
  create
    ->add_option("--permissions", options->permissions,
                 "Of read, write, delete, share, audit, admin; or all")
    ->required();
  create->add_option("--expires", options->expires, "E.g. 30d, or a time");
  create->add_option("--label", options->label, "Its name in the audit trail");
  create
    ->add_option("--ancestors", options->ancestors,
                 "How far up it may read: all, none, or a scope")
    ->capture_default_str();
  create->add_option("--promote-to", options->promote_to,
                     "The one scope outside its root it may share to");
  create->callback([&shared, options] {
    shared.run = [options](context& c) { return run_create(c, *options); };
  });

  key->add_subcommand("list", "List the keys below the bound scope")
    ->callback([&shared] { shared.run = run_list; });

  add_narrow(*key, shared);

  auto revoke = key->add_subcommand(
    "revoke", "Revoke a key at once, and all that were narrowed from it");
  auto id = std::make_shared<std::string>();
  revoke
    ->add_option("key", *id,
                 "Its id as `cloister key list` shows it; of a narrowed key "
                 "its text, or ID/NARROWING as `cloister audit list --json` "
                 "has them")
    ->required();
  revoke->callback([&shared, id] {
    shared.run = [id](context& c) { return run_revoke(c, *id); };
  });
}

} // namespace cloister::cli
