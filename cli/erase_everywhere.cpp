// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// One person may have scopes in several teams: all of them go.

#include <iostream>

#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/receipt.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// Scopes whose last segment it is; what lies below one goes with it.
std::vector<scope> scopes_named(const scope_listing& list,
                                const std::string& segment) {
  std::vector<scope> out;
  for (const auto& each : list.scopes)
    if (each.name.name() == segment)
      out.push_back(each.name);
  return out;
}

/// All that there are below, or why not.
template <class Client>
result<std::vector<scope>> find_all(const Client& root,
                                    const std::string& segment) {
  auto list = root.list_scopes();
  if (list.has_error())
    return list.error();
  if (list->truncated)
    return error{errc::too_large,
                 "more than 10000 scopes lie below; erase it team by team, "
                 "with --user-id"};
  if (list->unreadable > 0)
    return error{errc::corrupted, "some scopes are damaged and not listed; run "
                                  "`cloister doctor --repair` before"};
  auto found = scopes_named(*list, segment);
  if (found.empty())
    return error{errc::not_found,
                 "no scope within reach of this key has the name " + segment};
  return found;
}

/// `open(name)` opens a client.
template <class Open>
exit_code erase_all(const context& shared, const std::string& segment,
                    const erase_options& options, bool yes, Open open) {
  // Opened anew for each: one process has a store open once.
  auto found = [&]() -> result<std::vector<scope>> {
    auto root = open("");
    if (root.has_error())
      return root.error();
    return find_all(*root, segment);
  }();
  if (found.has_error())
    return fail(found.error());
  if (!yes) {
    std::string names;
    for (const auto& each : *found)
      names += (names.empty() ? "" : ", ") + std::string{each.path()};
    return fail({errc::invalid_argument,
                 "this cannot be undone: " + names
                   + " and all below would be gone; give --yes if that is "
                     "meant"});
  }
  json::array receipts;
  for (const auto& each : *found) {
    auto bound = open(each.path());
    auto receipt = bound ? bound->erase_scope(options)
                         : result<erasure_receipt>{bound.error()};
    // What was erased before is told of, whatever fails then.
    if (receipt.has_error()) {
      if (shared.style.json && !receipts.empty())
        print_json(json::object{{"results", std::move(receipts)}});
      return fail(receipt.error());
    }
    if (shared.style.json)
      receipts.push_back(to_json(*receipt));
    else
      show_receipt(shared, *receipt);
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(receipts)}});
  return exit_code::done;
}

} // namespace

exit_code erase_everywhere(context& shared, const std::string& segment,
                           erase_options options, bool yes) {
  if (segment.find('/') != std::string::npos)
    return fail({errc::invalid_argument,
                 "--everywhere takes one segment, e.g. user_sarah"});
  if (shared.url.empty())
    return erase_all(shared, segment, options, yes, [&](std::string_view name) {
      return shared.open_client(name);
    });
  return erase_all(shared, segment, options, yes, [&](std::string_view name) {
    return shared.open_remote(name);
  });
}

} // namespace cloister::cli
