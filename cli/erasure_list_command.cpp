// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// `scope erased`: what was erased from the store.

#include <iostream>

#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/output_file.hpp"

namespace cloister::cli {

namespace json = boost::json;

exit_code run_erased(context& shared, const std::string& path) {
  return shared.with_operator([&](const auto& opened) {
    return show(opened.list_erased(), [&](const erasure_list& list) {
      auto text = to_json_text(list);
      if (path.empty()) {
        std::cout << text << '\n';
        return exit_code::done;
      }
      output_file out{path};
      auto done = out.open();
      if (done)
        done = out.write(text);
      if (done)
        done = out.finish();
      if (done.has_error())
        return fail(done.error());
      if (shared.style.json)
        print_json(
          json::object{{"file", path}, {"erased", list.entries.size()}});
      else if (!shared.style.quiet)
        std::cout << path << " has "
                  << counted(list.entries.size(), "name", "names")
                  << " that restoring a backup must not bring back.\n";
      return exit_code::done;
    });
  });
}

} // namespace cloister::cli
