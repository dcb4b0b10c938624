// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/init.hpp"

#include "core/clock.hpp"
#include "core/encoding.hpp"
#include "persistence/node_store.hpp"
#include "runtime/master_key.hpp"

namespace cloister {

namespace {

// The operator's and the recovery key as text:
//
//   operator := "cloister_operator_" base32 of HMAC-SHA-256(operator signing
//               key, "operator") and its checksum:4
//   recovery := "cloister_recovery_" base32 of an X25519 secret key:32 and its
//               checksum:4
std::string key_text(std::string_view prefix, bytes_view secret) {
  bytes data{secret};
  byte_writer{data}.u32(crypto::checksum(secret));
  return std::string{prefix} + to_base32(data);
}

std::string operator_key_of(const persistence::node_identity& node) {
  auto secret = crypto::hmac_sha256(node.operator_signing.view(), "operator");
  return key_text("cloister_operator_", view_of(secret));
}

/// The key of a new store: an existing file's if one was named, else a new one.
result<crypto::secret_key> new_master_key(const std::string& path,
                                          persistence::file_system& files,
                                          bool& made) {
  if (files.exists(path))
    return read_master_key(path);
  auto key = crypto::secret_key::random();
  if (auto done = write_master_key(path, key); done.has_error())
    return done.error();
  made = true;
  return key;
}

} // namespace

result<init_report> initialize(const init_options& options) {
  auto files = persistence::posix_file_system();
  init_report report;
  report.data_dir = options.data_dir;
  {
    auto directory
      = persistence::data_directory::create(files, options.data_dir);
    if (directory.has_error())
      return directory.error();
    auto path = master_key_path(options.master_key_file, directory->id());
    if (path.has_error())
      return path.error();
    report.master_key_file = *path;
    auto master = new_master_key(*path, *files, report.made_key_file);
    if (master.has_error())
      return master.error();
    auto recovery = crypto::secret_key::random();
    report.recovery_key = key_text("cloister_recovery_", recovery.view());
    auto done = persistence::create_node_store(
      *directory, std::move(*master), crypto::recovery_public_key(recovery),
      system_clock()->now());
    if (done.has_error())
      return done.error();
  }
  // Opened once again: what was written is what will be read.
  auto master = read_master_key(report.master_key_file);
  if (master.has_error())
    return master.error();
  auto opened = persistence::open_node_store({files, options.data_dir},
                                             std::move(*master));
  if (opened.has_error())
    return opened.error();
  report.operator_key = operator_key_of(*opened->node);
  return report;
}

} // namespace cloister
