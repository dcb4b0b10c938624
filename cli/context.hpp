// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "cli/output.hpp"
#include "cli/remote_client.hpp"
#include "cli/remote_operator.hpp"
#include "runtime/master_key_source.hpp"
#include "runtime/runtime.hpp"

namespace cloister::cli {

/// What every command shares: the common options and what they lead to.
struct context {
  std::string data_dir = "cloister-data";
  std::string url;
  std::string api_key;
  std::string user_id;
  bool allow_personal_ids = false;
  /// Where the master key comes from, if that is said.
  master_key_source key;
  /// A variable that says who asks, and is set but empty: "$UNSET" must not
  /// mean the operator, nor the root of a key.
  std::string empty_variable;
  output_style style;
  /// What the chosen command does; set while options are parsed.
  std::function<exit_code(context&)> run;

  result<runtime> open_runtime() const;
  /// How it is opened.
  result<runtime_options> store_options() const;
  /// An error that says where a server is that has the store.
  error told_of_server(error why) const;
  /// Fails where a server is named, for what works on a directory.
  result<void> check_local() const;
  /// For what heeds --api-key and --user-id: fails where a variable is empty.
  result<void> check_identity() const;
  /// Opens the bound client, of the store or of the server that is named, does
  /// `work(client)`, and answers its exit code.
  template <class Work>
  exit_code with_client(Work work) const;
  /// The same for a scope that is named, where it is.
  template <class Work>
  exit_code with_client_of(std::string_view name, Work work) const;
  /// The same for a command about one memory: `work(client, id)`.
  template <class Work>
  exit_code with_memory(const std::string& id, Work work) const;

  /// Does `work(runtime)` for the operator, on the store or at the server that
  /// is named, by the operator's key.
  template <class Work>
  exit_code with_operator(Work work) const;

  /// The client that --api-key and --user-id name, and its runtime.
  result<client> open_client(std::string_view user_id_override = {}) const;
  /// The same at the server of --url.
  result<remote_client> open_remote(std::string_view user_id_override) const;
  result<remote_operator> open_remote_operator() const;
};

/// Prints an error and answers its exit code.
exit_code fail(const error& failure);

/// Answers `print(value)`, or fails.
template <class T, class Print>
exit_code show(result<T> outcome, Print print) {
  return outcome ? print(*outcome) : fail(outcome.error());
}

template <class Work>
exit_code context::with_client(Work work) const {
  return with_client_of("", work);
}

template <class Work>
exit_code context::with_operator(Work work) const {
  return url.empty() ? show(open_runtime(), work)
                     : show(open_remote_operator(), work);
}

template <class Work>
exit_code context::with_client_of(std::string_view name, Work work) const {
  return url.empty() ? show(open_client(name), work)
                     : show(open_remote(name), work);
}

template <class Work>
exit_code context::with_memory(const std::string& text, Work work) const {
  return show(memory_id::parse(text), [&](const memory_id& id) {
    return with_client([&](const auto& bound) { return work(bound, id); });
  });
}

/// "30d", "12h", "10m", "90s". Fails with `invalid_argument`.
result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "30d" from now, or an RFC 3339 time.
result<timestamp> parse_moment(std::string_view text);

// Each adds its commands to the parser.
void add_store_commands(CLI::App& app, context& shared);
void add_backup_commands(CLI::App& app, context& shared);
void add_rotate_commands(CLI::App& app, context& shared);
/// Prints the erasure list, or writes it to a file.
exit_code run_erased(context& shared, const std::string& path);
void add_org_end_commands(CLI::App& org, context& shared);
void add_key_commands(CLI::App& app, context& shared);
void add_mcp_command(CLI::App& app, context& shared);
void add_memory_commands(CLI::App& app, context& shared);
void add_serve_command(CLI::App& app, context& shared);
void add_session_commands(CLI::App& app, context& shared);
void add_scope_commands(CLI::App& app, context& shared);
void add_audit_commands(CLI::App& app, context& shared);
void add_receipt_commands(CLI::App& app, context& shared);
void add_bench_command(CLI::App& app, context& shared);
void add_export_command(CLI::App& app, context& shared);
void add_import_command(CLI::App& app, context& shared);

} // namespace cloister::cli
