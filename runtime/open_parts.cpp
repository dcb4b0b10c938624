// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/open_parts.hpp"

#include "core/limits.hpp"
#include "engine/ledger.hpp"

namespace cloister {

result<persistence::node_store> open_parts(const open_parts_options& options,
                                           found_master_key* place) {
  auto files = persistence::posix_file_system();
  auto id = persistence::data_directory::read_id(*files, options.data_dir);
  if (id.has_error())
    return id.error();
  auto master = find_master_key(options.key, options.data_dir, *id);
  if (master.has_error())
    return master.error();
  auto candidates = std::move(master->candidates);
  if (place != nullptr)
    *place = std::move(*master);
  return open_parts_over(files, options.data_dir, std::move(candidates),
                         options.read_damaged);
}

result<persistence::node_store>
open_parts_over(const std::shared_ptr<persistence::file_system>& files,
                const std::string& path, crypto::secret_key master,
                bool read_damaged) {
  std::vector<crypto::secret_key> candidates;
  candidates.push_back(std::move(master));
  return open_parts_over(files, path, std::move(candidates), read_damaged);
}

result<persistence::node_store>
open_parts_over(const std::shared_ptr<persistence::file_system>& files,
                const std::string& path,
                std::vector<crypto::secret_key> candidates, bool read_damaged) {
  persistence::node_store_options options{files, path};
  options.read_damaged = read_damaged;
  auto opened = persistence::open_node_store(options, std::move(candidates));
  if (opened.has_error())
    return opened.error();
  // The node's head numbers the starts; the journal's numbers build on it. A
  // damaged head is the doctor's to find.
  auto head
    = engine::read_head(engine::context_of(*opened->node), *opened->records);
  auto journal = persistence::audit_journal::open(
    files, path, head ? static_cast<std::uint32_t>(head->next_sequence) : 0);
  if (journal.has_error())
    return journal.error();
  opened->journal = std::move(*journal);
  return opened;
}

engine::services services_over(persistence::node_store& parts,
                               std::shared_ptr<const clock> time) {
  return {*parts.records,
          *parts.catalog,
          *parts.journal,
          *parts.expiries,
          std::move(time),
          std::make_shared<auth::revocations>(),
          false,
          limits::scope_content_cache_bytes_max,
          {}};
}

} // namespace cloister
