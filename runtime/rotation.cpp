// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <charconv>

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

/// The backups that the node's chain tells of, made under a version.
result<std::vector<backup_under_former_key>>
backups_under(runtime::impl& node, std::uint32_t version) {
  std::vector<backup_under_former_key> out;
  auto suffix = " master key " + std::to_string(version);
  engine::list_audit wanted;
  wanted.limit = limits::page_results_max;
  wanted.what = auth::operation::back_up;
  wanted.outcome = errc::ok;
  do {
    auto done = ask_node(node, engine::list_node_audit{wanted});
    if (done.has_error())
      return done.error();
    auto& page = std::get<engine::audit_page>(*done);
    for (const auto& line : page.lines) {
      const auto& reason = line.entry.reason;
      if (reason.ends_with(suffix))
        out.push_back(
          {reason.substr(0, reason.size() - suffix.size()), line.entry.at});
    }
    wanted.before = page.next;
  } while (wanted.before && out.size() < backups_named_max);
  return out;
}

/// The last steps: nothing is wrapped under the former key any more.
result<void> switch_files(runtime::impl& node,
                          const persistence::rotation& plan) {
  auto& files = *persistence::posix_file_system();
  if (!plan.next_file.empty() && files.exists(plan.next_file)) {
    if (auto done = persistence::destroy_file(files, plan.file);
        done.has_error())
      return done;
    if (auto done = files.rename(plan.next_file, plan.file); done.has_error())
      return done;
    auto folder = persistence::directory_of(plan.file);
    if (auto done = files.sync_directory(folder); done.has_error())
      return done;
  }
  if (auto done = persistence::destroy_file(files, plan.former_file);
      done.has_error())
    return done;
  const auto& directory = *node.store.directory;
  if (plan.drops_passphrase)
    if (auto done
        = persistence::destroy_file(files, directory.passphrase_path());
        done.has_error())
      return done;
  return persistence::destroy_file(*directory.files(),
                                   directory.rotation_path());
}

} // namespace

result<void> rotate_to(runtime::impl& node, crypto::secret_key next,
                       persistence::rotation plan) {
  auto [former, version] = node.store.node->master->newest();
  plan.version = version + 1;
  persistence::wrap_keys(plan, *former, next);
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
  const auto& plan = *node.store.rotating;
  for (bool all = false; !all;) {
    auto done = ask_node(node, engine::rewrap_keys{});
    if (done.has_error())
      return begun(done.error());
    all = std::get<engine::deleted_count>(*done).all;
  }
  auto done = ask_node(node, engine::finish_rotation{});
  if (done.has_error())
    return begun(done.error());
  if (auto switched = switch_files(node, plan); switched.has_error())
    return begun(switched.error());
  node.store.rotating.reset();
  return {};
}

namespace {

/// What becomes of the files of both keys.
persistence::rotation plan_for(const found_master_key& now,
                               const next_master_key& next) {
  persistence::rotation plan;
  plan.next_file = next.next_file;
  plan.file = next.file;
  if (!now.file.empty() && now.file != next.file)
    plan.former_file = now.file;
  plan.drops_passphrase = now.of_passphrase && !next.of_passphrase;
  return plan;
}

/// A second file of the former key, for backups that need it.
result<std::string> keep_former(runtime::impl& node) {
  auto [former, version] = node.store.node->master->newest();
  auto path = node.key_place.file + ".version-" + std::to_string(version);
  auto done = write_master_key(path, *former);
  if (done.has_error() && done.error().code != errc::conflict)
    return done.error();
  return path;
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
  if (node.store.rotating)
    if (auto done = finish_rotation(node); done.has_error())
      return done.error();
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
  if (!out.backups.empty() && !options.destroy_former
      && !node.key_place.file.empty()) {
    auto kept = keep_former(node);
    if (kept.has_error())
      return kept.error();
    out.former_kept_in = std::move(*kept);
  }
  auto plan = plan_for(node.key_place, *next);
  found_master_key place{
    {}, next->of_passphrase ? "" : next->file, next->of_passphrase};
  if (auto done = rotate_to(node, std::move(next->key), std::move(plan));
      done.has_error())
    return done.error();
  node.key_place = std::move(place);
  out.version = former_version + 1;
  out.kept_in = std::move(next->kept_in);
  return out;
}

} // namespace cloister
