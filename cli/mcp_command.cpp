// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <CLI/CLI.hpp>

#include "cli/context.hpp"
#include "cli/mcp_bridge.hpp"
#include "cli/mcp_stdio.hpp"
#include "cli/server_note.hpp"
#include "runtime/session.hpp"

namespace cloister::cli {

namespace {

/// Where to go instead, if somebody else has the store.
std::optional<std::string> server_of(const context& shared, const error& why) {
  if (why.code != errc::unavailable)
    return std::nullopt;
  return server_note::read(shared.data_dir);
}

exit_code run_mcp(context& shared, bool in_session) {
  if (auto known = shared.check_identity(); known.has_error())
    return fail(known.error());
  if (shared.api_key.empty())
    return fail({errc::unauthenticated,
                 "an API key is needed; give --api-key or CLOISTER_API_KEY"});
  if (!shared.url.empty())
    return serve_through(shared, shared.url, in_session);
  auto bound = shared.open_client();
  if (bound.has_error()) {
    if (auto url = server_of(shared, bound.error()))
      return serve_through(shared, *url, in_session);
    return fail(bound.error());
  }
  if (!in_session) {
    serve_embedded(*bound);
    return exit_code::done;
  }
  auto opened = bound->open_session();
  if (opened.has_error())
    return fail(opened.error());
  serve_embedded(opened->memories());
  auto receipt = opened->close();
  return receipt ? exit_code::done : fail(receipt.error());
}

} // namespace

void add_mcp_command(CLI::App& app, context& shared) {
  auto in_session = std::make_shared<bool>(false);
  auto mcp = app.add_subcommand(
    "mcp", "Serve one agent over standard input and output (MCP)");
  mcp->add_flag("--session", *in_session,
                "Use a session of its own, which vanishes with all its "
                "memories at the end");
  mcp->footer(
    "For the configuration of an agent's program: whose memories it has is "
    "said by --user-id,\nand nothing that the agent says changes it. Uses the "
    "store, or the server that has it.\nExample:\n  cloister mcp --user-id "
    "user_sarah --data memory");
  mcp->callback([&shared, in_session] {
    shared.run
      = [in_session](context& with) { return run_mcp(with, *in_session); };
  });
}

} // namespace cloister::cli
