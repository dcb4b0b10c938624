// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <map>
#include <set>

#include "crypto/hash.hpp"
#include "persistence/backup.hpp"
#include "runtime/master_key.hpp"
#include "runtime/rotation_impl.hpp"

namespace cloister {

namespace {

/// Backups that a report names at most, the newest.
constexpr std::size_t backups_named_max = 1000;

result<engine::answer> ask_node(runtime::impl& node,
                                engine::node_operation what) {
  return wait(node.gateway->perform_on_node(std::move(what)));
}

error begun(const error& why) {
  return {errc::unavailable,
          "the rotation has begun, and goes on at the next start or when it is "
          "asked for again ("
            + why.detail + ")"};
}

/// Which backup an entry of the node's chain speaks of, if that needs a version
/// of the master key.
std::optional<std::string> backup_in(const std::string& reason,
                                     const std::string& key) {
  auto at = reason.find(key);
  auto end = at == std::string::npos ? at : at + key.size();
  if (at == std::string::npos || (end != reason.size() && reason[end] != ','))
    return std::nullopt;
  return reason.substr(0, at);
}

/// The backups that the node's chain tells of, made under a version; those that
/// failed are told of, too.
result<std::vector<backup_under_former_key>>
backups_under(runtime::impl& node, std::uint32_t version) {
  std::map<std::string, timestamp> found;
  std::set<std::string> failed;
  auto key = " master key " + std::to_string(version);
  for (auto what :
       {auth::operation::back_up, auth::operation::restore_backup}) {
    engine::list_audit wanted;
    wanted.limit = limits::page_results_max;
    wanted.what = what;
    do {
      auto done = ask_node(node, engine::list_node_audit{wanted});
      if (done.has_error())
        return done.error();
      auto& page = std::get<engine::audit_page>(*done);
      for (const auto& line : page.lines) {
        auto backup = backup_in(line.entry.reason, key);
        if (backup && line.entry.outcome == errc::ok)
          found.emplace(*backup, line.entry.at);
        else if (backup)
          failed.insert(*backup);
      }
      wanted.before = page.next;
    } while (wanted.before && found.size() < backups_named_max);
  }
  std::vector<backup_under_former_key> out;
  for (auto& [backup, at] : found)
    if (!failed.contains(backup))
      out.push_back({backup, at});
  return out;
}

bool is_passphrase(const runtime::impl& node, const std::string& path) {
  return path == node.store.directory->passphrase_path();
}

/// Before the former key is forgotten: everything that opens is under the new
/// one.
result<void> prove_slots(runtime::impl& node,
                         const persistence::rotation& plan) {
  const auto& master = *node.store.node->master;
  auto all = persistence::is_all_under(*node.store.slots, master);
  if (all.has_error())
    return all.error();
  if (master.version() != plan.version || !*all)
    return error{errc::unavailable, "not everything is under the new key yet"};
  return {};
}

/// Before anything is destroyed: the file that is to stay has the new key.
result<void> prove_new_key(runtime::impl& node,
                           const persistence::rotation& plan) {
  auto [newest, version] = node.store.node->master->newest();
  auto& files = *persistence::posix_file_system();
  // A passphrase's has no key in it.
  if (plan.file.empty() || is_passphrase(node, plan.file))
    return {};
  auto there = files.exists(plan.next_file) ? plan.next_file : plan.file;
  auto key = read_master_key(there);
  if (key.has_error())
    return key.error();
  if (!crypto::equal_in_constant_time(key->view(), newest->view()))
    return error{errc::corrupted,
                 there + " does not have the new master key; put it back"};
  return {};
}

/// The new key's file takes its place. One that has no secret is only replaced.
result<void> put_in_place(runtime::impl& node,
                          const persistence::rotation& plan) {
  auto& files = *persistence::posix_file_system();
  if (plan.next_file.empty())
    return {};
  // It was renamed, and maybe not for good.
  if (!files.exists(plan.next_file))
    return files.sync_directory(persistence::directory_of(plan.file));
  if (!is_passphrase(node, plan.file))
    if (auto done = persistence::destroy_file(files, plan.file);
        done.has_error())
      return done;
  if (auto done = files.rename(plan.next_file, plan.file); done.has_error())
    return done;
  return files.sync_directory(persistence::directory_of(plan.file));
}

/// The last steps: nothing is wrapped under the former key any more.
result<void> switch_files(runtime::impl& node,
                          const persistence::rotation& plan) {
  if (auto done = prove_new_key(node, plan); done.has_error())
    return done;
  auto& files = *persistence::posix_file_system();
  if (auto done = put_in_place(node, plan); done.has_error())
    return done;
  if (auto done = persistence::destroy_file(files, plan.former_file);
      done.has_error())
    return done;
  const auto& directory = *node.store.directory;
  if (plan.drops_passphrase && files.exists(directory.passphrase_path()))
    if (auto done = files.remove(directory.passphrase_path()); done.has_error())
      return done;
  return persistence::destroy_file(*directory.files(),
                                   directory.rotation_path());
}

/// Where the key is from now on.
found_master_key place_after(runtime::impl& node,
                             const persistence::rotation& plan) {
  found_master_key out;
  out.of_passphrase = is_passphrase(node, plan.file);
  if (!out.of_passphrase)
    out.file = plan.file;
  return out;
}

/// Nobody has heard of the new key in this process, where it could not be told
/// before.
result<void> begin_again(runtime::impl& node,
                         const persistence::rotation& plan) {
  const auto& master = *node.store.node->master;
  if (master.version() == plan.version)
    return {};
  auto both = persistence::keys_of(plan, *master.newest().first);
  if (!both || master.version() + 1 != plan.version)
    return error{errc::corrupted,
                 "the file `rotation` is not of this store's master key"};
  auto next
    = std::make_shared<crypto::secret_key>(both->newest().first->duplicate());
  auto begun = ask_node(node, engine::begin_rotation{std::move(next)});
  return begun ? result<void>{} : begun.error();
}

} // namespace

result<void> rotate_to(runtime::impl& node, crypto::secret_key next,
                       persistence::rotation plan) {
  {
    // Not for longer: a rotation does not end while somebody holds its former
    // key.
    auto [former, version] = node.store.node->master->newest();
    plan.version = version + 1;
    persistence::wrap_keys(plan, *former, next);
  }
  const auto& directory = *node.store.directory;
  auto written = persistence::write_rotation(*directory.files(),
                                             directory.rotation_path(), plan);
  if (written.has_error())
    return written;
  node.store.rotating = std::move(plan);
  auto started
    = ask_node(node, engine::begin_rotation{
                       std::make_shared<crypto::secret_key>(std::move(next))});
  // It may not have come so far that the new key is known.
  if (started.has_error())
    return begun(started.error());
  return finish_rotation(node);
}

result<void> finish_rotation(runtime::impl& node) {
  const auto plan = *node.store.rotating;
  if (auto done = begin_again(node, plan); done.has_error())
    return begun(done.error());
  for (bool all = false; !all;) {
    auto done = ask_node(node, engine::rewrap_keys{});
    if (done.has_error())
      return begun(done.error());
    all = std::get<engine::deleted_count>(*done).all;
  }
  if (auto proven = prove_slots(node, plan); proven.has_error())
    return begun(proven.error());
  auto done = ask_node(node, engine::finish_rotation{});
  if (done.has_error())
    return begun(done.error());
  if (auto switched = switch_files(node, plan); switched.has_error())
    return begun(switched.error());
  node.store.rotating.reset();
  node.key_place = place_after(node, plan);
  return {};
}

namespace {

/// What becomes of the files of both keys.
persistence::rotation plan_for(const found_master_key& now,
                               const next_master_key& next) {
  persistence::rotation plan;
  plan.next_file = next.next_file;
  plan.file = next.file;
  if (!now.file.empty() && !is_same_file(now.file, next.file))
    plan.former_file = whole_path(now.file);
  plan.drops_passphrase = now.of_passphrase && !next.of_passphrase;
  return plan;
}

/// Whether the file of the master key may be another store's, too: one that was
/// restored has the id, and so the file, of the one that was backed up.
bool shares_key_file(const runtime::impl& node) {
  const auto& directory = *node.store.directory;
  if (node.key_place.file.empty()
      || !directory.files()->exists(
        persistence::restored_mark(directory.path())))
    return false;
  auto of_id = master_key_path({}, directory.id());
  return of_id && is_same_file(node.key_place.file, *of_id);
}

result<void> check_own_key(const runtime::impl& node,
                           const rotation_options& options) {
  const auto& next = options.next;
  auto is_named = next.file || next.command || next.passphrase;
  if (is_named && !options.destroy_former)
    return {};
  auto mark = persistence::restored_mark(node.store.directory->path());
  return error{errc::invalid_argument,
               "this store was restored from a backup, and the one that was "
               "backed up may need "
                 + node.key_place.file
                 + ", which stays as it is: name a file of its own with "
                   "--new-master-key-file; or remove "
                 + mark + " if the other one is no more"};
}

/// A second file of the former key, for backups that need it.
result<std::string> keep_former(runtime::impl& node) {
  auto [former, version] = node.store.node->master->newest();
  auto base = node.key_place.file + ".version-" + std::to_string(version);
  constexpr int names_max = 100;
  for (int i = 0; i < names_max; ++i) {
    auto path = i == 0 ? base : base + '.' + std::to_string(i);
    auto done = write_master_key(path, *former);
    if (done)
      return path;
    if (done.error().code != errc::conflict)
      return done.error();
    // Of a former attempt, or of another store; or one that was cut off.
    auto there = read_master_key(path);
    if (there && crypto::equal_in_constant_time(there->view(), former->view()))
      return path;
  }
  return error{errc::conflict,
               base + " and the like are there already; move them away"};
}

} // namespace

result<rotation_report>
runtime::rotate_master_key(const rotation_options& options) const {
  if (impl_->sealed)
    return *impl_->sealed;
  std::unique_lock turn{impl_->rotating, std::try_to_lock};
  if (!turn.owns_lock())
    return error{errc::conflict, "the master key is being rotated"};
  auto& node = *impl_;
  const auto& directory = *node.store.directory;
  // One that was written although that seemed to fail.
  if (!node.store.rotating) {
    auto left = persistence::read_rotation(*directory.files(),
                                           directory.rotation_path());
    if (left.has_error())
      return left.error();
    node.store.rotating = std::move(*left);
  }
  if (node.store.rotating)
    if (auto done = finish_rotation(node); done.has_error())
      return done.error();
  auto shares = shares_key_file(node);
  if (shares)
    if (auto named = check_own_key(node, options); named.has_error())
      return named.error();
  rotation_report out;
  auto former_version = node.store.node->master->version();
  auto backups = backups_under(node, former_version);
  if (backups.has_error())
    return backups.error();
  out.backups = std::move(*backups);
  auto next = make_next_master_key(options.next, node.key_place,
                                   node.store.directory->path());
  if (next.has_error())
    return next.error();
  if (shares) {
    out.former_kept_in = node.key_place.file;
  } else if (!out.backups.empty() && !options.destroy_former
             && !node.key_place.file.empty()) {
    auto kept = keep_former(node);
    if (kept.has_error())
      return kept.error();
    out.former_kept_in = std::move(*kept);
  }
  auto plan = plan_for(node.key_place, *next);
  if (shares)
    plan.former_file.clear();
  if (auto done = rotate_to(node, std::move(next->key), std::move(plan));
      done.has_error())
    return done.error();
  out.version = former_version + 1;
  out.kept_in = std::move(next->kept_in);
  return out;
}

} // namespace cloister
