// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/init.hpp"

#include "core/clock.hpp"
#include "core/encoding.hpp"
#include "core/operator_key.hpp"
#include "persistence/node_store.hpp"

namespace cloister {

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
  return key_text(operator_key_prefix, view_of(secret));
}

result<init_report> initialize(const init_options& options) {
  auto files = persistence::posix_file_system();
  init_report report;
  report.data_dir = options.data_dir;
  {
    auto directory
      = persistence::data_directory::create(files, options.data_dir);
    if (directory.has_error())
      return directory.error();
    auto master
      = make_master_key(options.key, options.data_dir, directory->id());
    if (master.has_error())
      return master.error();
    report.master_key_kept_in = master->kept_in;
    report.master_key_file = master->is_file ? master->kept_in : std::string{};
    report.made_key_file = master->made_file;
    auto recovery = crypto::secret_key::random();
    report.recovery_key = key_text("cloister_recovery_", recovery.view());
    auto done = persistence::create_node_store(
      *directory, std::move(master->key), crypto::recovery_public_key(recovery),
      system_clock()->now());
    if (done.has_error())
      return done.error();
  }
  // Opened once again: what was written is what will be read.
  auto id = persistence::data_directory::read_id(*files, options.data_dir);
  if (id.has_error())
    return id.error();
  auto master = find_master_key(options.key, options.data_dir, *id);
  if (master.has_error())
    return master.error();
  auto opened = persistence::open_node_store({files, options.data_dir},
                                             std::move(master->candidates));
  if (opened.has_error())
    return opened.error();
  report.operator_key = operator_key_of(*opened->node);
  return report;
}

} // namespace cloister
