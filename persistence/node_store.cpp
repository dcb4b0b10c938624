// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/node_store.hpp"

#include "crypto/aead.hpp"

namespace cloister::persistence {

namespace {

store_options store_options_for(const data_directory& directory,
                                const node_store_options& options) {
  store_options out{directory.files(), directory.store_path(),
                    options.write_buffer_bytes, options.block_cache_bytes};
  out.read_damaged = options.read_damaged;
  return out;
}

/// Removes what an interrupted creation left. That had one key and no table:
/// a directory with more is a store that lost its FORMAT.
result<void> remove_leftovers(data_directory& directory) {
  auto& files = *directory.files();
  error lost{errc::conflict,
             directory.path()
               + " has the files of a store without its FORMAT; "
                 "restore that from a backup, or choose another "
                 "directory"};
  if (files.exists(directory.slots_path())) {
    auto slots = key_slots::open(directory.files(), directory.slots_path());
    if (slots && (*slots)->capacity() > 1)
      return lost;
  }
  if (auto names = files.list(directory.store_path()))
    for (const auto& name : *names)
      if (name.ends_with(".ldb"))
        return lost;
  if (files.exists(directory.slots_path()))
    static_cast<void>(files.remove(directory.slots_path()));
  if (auto names = files.list(directory.store_path()))
    for (const auto& name : *names)
      static_cast<void>(files.remove(directory.store_path() + '/' + name));
  return {};
}

/// Opening a database writes a table or two: on a full disk the reserve makes
/// room for them, so that something can be deleted.
result<std::unique_ptr<store>> open_records(data_directory& directory,
                                            const store_options& options) {
  auto records = store::open(options);
  if (records || records.error().code != errc::unavailable
      || !options.files->exists(directory.reserve_path()))
    return records;
  directory.release_reserve();
  return store::open(options);
}

/// The chain of a node starts like that of any scope; see auth/audit_chain.hpp.
crypto::digest first_audit_head() {
  return crypto::hash(
    {"cloister audit chain", view_of(node_identity::tag_of_node())});
}

} // namespace

result<node_store> open_node_store(const node_store_options& options,
                                   crypto::secret_key master) {
  std::vector<crypto::secret_key> candidates;
  candidates.push_back(std::move(master));
  return open_node_store(options, std::move(candidates));
}

result<node_store> open_node_store(const node_store_options& options,
                                   std::vector<crypto::secret_key> candidates) {
  node_store out;
  auto directory = data_directory::take(options.files, options.path);
  if (directory.has_error())
    return directory.error();
  out.directory = std::make_unique<data_directory>(std::move(*directory));
  if (!options.files->exists(out.directory->slots_path()))
    return error{errc::corrupted, "the file of keys, "
                                    + out.directory->slots_path()
                                    + ", is missing; restore a backup"};
  auto slots = key_slots::open(options.files, out.directory->slots_path());
  if (slots.has_error())
    return slots.error();
  out.slots = std::move(*slots);
  auto damage = damage_list::open(options.files, out.directory->damage_path());
  if (damage.has_error())
    return damage.error();
  auto store_options = store_options_for(*out.directory, options);
  store_options.damage = std::move(*damage);
  auto records = open_records(*out.directory, store_options);
  if (records.has_error())
    return records.error();
  out.records = std::move(*records);
  auto begun = read_rotation(*options.files, out.directory->rotation_path());
  if (begun.has_error())
    return begun.error();
  // One that was being destroyed.
  if (!*begun && options.files->exists(out.directory->rotation_path()))
    static_cast<void>(options.files->remove(out.directory->rotation_path()));
  auto master = find_master(std::move(candidates), *begun, *out.slots);
  if (master.has_error())
    return master.error();
  out.rotating = std::move(*begun);
  auto node = open_node_identity(*master, *out.records, *out.slots);
  if (node.has_error())
    return node.error();
  out.node = std::move(*node);
  out.catalog = std::make_unique<persistence::catalog>(out.node, *out.records,
                                                       *out.slots);
  auto refused = list_erased_names(*out.node, *out.records);
  if (refused.has_error() || !refused->empty())
    out.catalog->heed_erased_names();
  out.expiries = std::make_unique<expiry_index>(out.node, *out.records);
  out.session_files = std::make_shared<persistence::session_files>(
    options.files, out.directory->sessions_path());
  // No key opens what a dead process left there: it only takes space.
  static_cast<void>(out.session_files->remove_all());
  return out;
}

result<void> create_node_store(data_directory& directory,
                               crypto::secret_key master,
                               const crypto::public_key& recovery,
                               timestamp now) {
  if (auto done = remove_leftovers(directory); done.has_error())
    return done;
  auto slots = key_slots::open(directory.files(), directory.slots_path());
  if (slots.has_error())
    return slots.error();
  store_options fresh{directory.files(), directory.store_path()};
  fresh.create = true;
  auto records = store::open(std::move(fresh));
  if (records.has_error())
    return records.error();
  auto slot = (*slots)->allocate();
  if (slot.has_error())
    return slot.error();
  auto batch = std::make_shared<write_batch>();
  scope_head head;
  head.audit_head = first_audit_head();
  auto node = create_node_identity(std::move(master), recovery, *batch,
                                   head.registry.sum);
  head.registry.count = 1;
  auto key = node->space().key(record_kind::head);
  batch->put(key,
             crypto::seal(node->keys.control, 0, key.view(), head.encode()));
  expiry_index{node, **records}.set_watermark(*batch, start_of_hour(now));
  if (auto done = (*slots)->write(batch->slots()); done.has_error())
    return done;
  std::vector<std::shared_ptr<write_batch>> batches{batch};
  if (auto done = (*records)->write(batches); done.has_error())
    return done;
  return directory.finish_creation();
}

} // namespace cloister::persistence
