// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.hpp"
#include "core/rfc3339.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "engine/erased_names.hpp"
#include "engine/examiner.hpp"
#include "runtime/backup_impl.hpp"
#include "runtime/client_impl.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/signing.hpp"

namespace cloister {

namespace {

constexpr std::string_view recovery_prefix = "cloister_recovery_";
/// Names that one batch takes over.
constexpr std::size_t names_at_once = 1000;

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

/// Removes what an interrupted attempt left; there is nothing of anybody
/// else's.
result<void> remove_staging(persistence::file_system& files,
                            const std::string& path) {
  if (!files.exists(path))
    return {};
  auto names = files.list(path);
  if (names.has_error())
    return names.error();
  for (const auto& name : *names) {
    auto inside = path + '/' + name;
    if (name == "store" || name == "sessions") {
      if (auto below = files.list(inside))
        for (const auto& each : *below)
          static_cast<void>(files.remove(inside + '/' + each));
      static_cast<void>(files.remove_directory(inside));
    } else {
      static_cast<void>(files.remove(inside));
    }
  }
  return files.remove_directory(path);
}

result<void> check_target(persistence::file_system& files,
                          const std::string& path) {
  if (!files.exists(path))
    return {};
  auto names = files.list(path);
  if (names && names->empty())
    return {};
  return error{errc::conflict,
               path + " is not empty; restore into a new directory"};
}

/// Whether a list fits a backup; nothing is asked of the store's keys yet.
result<void> check_list(const restore_options& options,
                        const persistence::backup_head& head) {
  if (!options.erased && !options.without_erasure_list)
    return error{errc::invalid_argument,
                 "what was erased since the backup would come back: give the "
                 "erasure list that `cloister scope erased --export` wrote, or "
                 "say --no-erasure-list"};
  if (!options.erased)
    return {};
  if (options.erased->store != to_hex(view_of(head.store)))
    return error{errc::invalid_argument, "the erasure list is another store's"};
  if (options.erased->made_at < head.made_at)
    return error{errc::invalid_argument,
                 "the erasure list is older than the backup, so that it says "
                 "nothing about it; export a new one, or say "
                 "--no-erasure-list"};
  return {};
}

std::vector<persistence::erased_name> names_of(const erasure_list& list) {
  std::vector<persistence::erased_name> out;
  for (const auto& each : list.entries) {
    auto parent = from_hex(each.parent).value_or(bytes(16, '\0'));
    auto name = from_hex(each.name).value_or(bytes(16, '\0'));
    out.push_back({byte_reader{parent}.array<16>(),
                   byte_reader{name}.array<16>(), each.incarnation,
                   each.refused, each.erased_at, each.with_copies});
  }
  return out;
}

/// What came out of the files is what was put in.
result<void> prove(persistence::node_store& parts,
                   const std::shared_ptr<const clock>& time) {
  auto with = services_over(parts, time);
  auto found = engine::examine_store(with, *parts.slots);
  if (!found.damages.empty())
    return error{errc::corrupted,
                 "the backup does not verify: " + found.damages.front().scope
                   + ": " + found.damages.front().what};
  return {};
}

/// The work on a store that was just unpacked.
class restored_store {
public:
  restored_store(runtime opened, const restore_options& options)
    : opened_(std::move(opened)), options_(options) {}

  result<void> finish(restore_report& out) {
    if (auto done = note(out.backup); done.has_error())
      return done;
    if (auto done = keep_disabled_for_now(); done.has_error())
      return done;
    if (auto done = end_sessions(out); done.has_error())
      return done;
    return options_.erased ? erase_again(out) : result<void>{};
  }

private:
  runtime::impl& parts() {
    return runtime_access::parts(opened_);
  }
  actors::gateway& gateway() {
    return *parts().gateway;
  }

  /// The restored store must know that this backup needs its master key.
  result<void> note(const backup_summary& backup) {
    auto reason
      = backup_note(backup.backup, backup.master_version)
        + (options_.erased ? ", with the erasure list of "
                               + to_rfc3339(options_.erased->made_at)
                           : ", without an erasure list: what was erased since "
                             "the backup has come back");
    engine::node_operation what{engine::note_node{
      auth::operation::restore_backup, auth::principal_kind::operator_,
      errc::ok, std::move(reason)}};
    auto noted = wait(gateway().perform_on_node(std::move(what)));
    return noted ? result<void>{} : noted.error();
  }

  /// They may have been kept since: there is time to do so once more.
  result<void> keep_disabled_for_now() {
    auto found = wait(gateway().perform_on_node(engine::list_disabled{}));
    if (found.has_error())
      return found.error();
    auto until = gateway().services().time->now()
                 + limits::organization_erasure_delay_default;
    for (const auto& each :
         std::get<engine::disabled_organizations>(*found).list)
      if (auto done = wait(gateway().disable_organization(each.name, until));
          done.has_error())
        return done;
    return {};
  }

  /// Whoever had one has long been told that it ended, or will be.
  result<void> end_sessions(restore_report& out) {
    for (const auto& session : gateway().services().sessions->all()) {
      auto name = session->name();
      auto who = auth::system_authority(name.organization());
      auto done = wait(
        gateway().end_session(who, name, engine::session_end::process_ended));
      if (done.has_error() && done.error().code != errc::erased)
        return done.error();
      ++out.sessions_ended;
    }
    return {};
  }

  result<engine::erased_child> erase(const engine::returned_scope& what) {
    if (!what.name.parent())
      return wait(gateway().erase_organization(what.name));
    auto who = auth::system_authority(what.name.organization());
    return wait(gateway().erase(who, what.name,
                                what.with_copies
                                  ? actors::shared_copies::erase
                                  : actors::shared_copies::count));
  }

  result<void> erase_again(restore_report& out) {
    auto genuine = verify_erasure_list(*options_.erased, opened_.receipt_key());
    if (genuine.has_error())
      return genuine;
    auto names = names_of(*options_.erased);
    auto there = engine::find_erased_scopes(gateway().services(), names);
    if (there.has_error())
      return there.error();
    for (const auto& each : *there) {
      auto done = erase(each);
      if (done.has_error() && done.error().code != errc::erased)
        return done.error();
      ++out.erased_again;
    }
    return adopt(names, out);
  }

  result<void> adopt(const std::vector<persistence::erased_name>& names,
                     restore_report& out) {
    for (std::size_t at = 0; at < names.size(); at += names_at_once) {
      auto end = std::min(at + names_at_once, names.size());
      engine::adopt_erased_names some;
      some.names.assign(names.begin() + static_cast<std::ptrdiff_t>(at),
                        names.begin() + static_cast<std::ptrdiff_t>(end));
      for (const auto& each : some.names)
        out.names_refused += each.refused ? 1 : 0;
      engine::node_operation what{std::move(some)};
      auto done = wait(gateway().perform_on_node(std::move(what)));
      if (done.has_error())
        return done.error();
    }
    return {};
  }

  runtime opened_;
  const restore_options& options_;
};

/// Makes the store in the staging directory, and all that is to be done with it
/// before anybody may use it.
result<restore_report>
restore_into(const std::shared_ptr<persistence::file_system>& files,
             const std::string& staging, const restore_options& options,
             const crypto::secret_key& recovery,
             const master_key_finder& master,
             const actors::gateway_options& running) {
  auto keys_file
    = options.keys_file.empty() ? options.file + ".keys" : options.keys_file;
  auto unpacked = persistence::unpack(files, options.file, keys_file, staging,
                                      recovery, to_watcher(options.watch));
  if (unpacked.has_error())
    return unpacked.error();
  restore_report out;
  out.backup = to_summary(*unpacked);
  auto key = master(staging, out.backup.store);
  if (key.has_error())
    return key.error();
  auto parts = open_parts_over(files, staging, std::move(*key));
  if (parts.has_error() && parts.error().code == errc::sealed)
    return error{errc::sealed,
                 "the backup was made under version "
                   + std::to_string(out.backup.master_version)
                   + " of the master key, and this is another; give that one, "
                     "e.g. with CLOISTER_MASTER_KEY_FILE"};
  if (parts.has_error())
    return parts.error();
  if (auto done = prove(*parts, running.time); done.has_error())
    return done.error();
  auto careful = running;
  careful.keeps_disabled = true;
  auto opened = make_runtime(std::move(*parts), std::move(careful));
  if (opened.has_error())
    return opened.error();
  restored_store made{std::move(*opened), options};
  if (auto done = made.finish(out); done.has_error())
    return done.error();
  if (auto done = persistence::replace_file(
        *files, persistence::restored_mark(staging),
        "cloister backup " + out.backup.backup + '\n');
      done.has_error())
    return done.error();
  return out;
}

} // namespace

result<crypto::secret_key> parse_recovery_key(std::string_view text) {
  error malformed{errc::invalid_argument,
                  "a recovery key looks like cloister_recovery_…, as `cloister "
                  "init` showed it"};
  if (!text.starts_with(recovery_prefix))
    return malformed;
  auto data = from_base32(text.substr(recovery_prefix.size()));
  if (!data || data->size() != crypto::secret_key::size + 4)
    return malformed;
  crypto::wipe_on_exit guard{*data};
  bytes_view secret{data->data(), crypto::secret_key::size};
  if (byte_reader{bytes_view{*data}.substr(secret.size())}.u32()
      != crypto::checksum(secret))
    return malformed;
  return crypto::secret_key::from_bytes(secret);
}

result<restore_report>
restore_over(const std::shared_ptr<persistence::file_system>& files,
             const restore_options& options, const master_key_finder& master,
             const actors::gateway_options& running) {
  auto recovery = parse_recovery_key(options.recovery_key);
  if (recovery.has_error())
    return recovery.error();
  auto head = persistence::read_backup_head(*files, options.file);
  if (head.has_error())
    return head.error();
  if (auto fits = check_list(options, *head); fits.has_error())
    return fits.error();
  auto target = without_slash(options.data_dir);
  if (auto free = check_target(*files, target); free.has_error())
    return free.error();
  auto staging = target + ".restoring";
  if (auto done = remove_staging(*files, staging); done.has_error())
    return done.error();
  auto done = restore_into(files, staging, options, *recovery, master, running);
  if (done.has_error()) {
    static_cast<void>(remove_staging(*files, staging));
    return done;
  }
  if (files->exists(target))
    if (auto gone = files->remove_directory(target); gone.has_error())
      return gone.error();
  if (auto moved = files->rename(staging, target); moved.has_error())
    return moved.error();
  auto above = persistence::directory_of(target);
  if (auto synced = files->sync_directory(above); synced.has_error())
    return synced.error();
  return done;
}

result<restore_report> restore_backup(const restore_options& options) {
  actors::gateway_options running;
  running.time = options.time ? options.time : system_clock();
  running.memory_budget_bytes = limits::node_memory_budget_bytes_default;
  running.content_cache_bytes = limits::scope_content_cache_bytes_max;
  running.allow_personal_ids = true;
  auto find
    = [&](const std::string& directory,
          const std::string& id) -> result<std::vector<crypto::secret_key>> {
    auto found = find_master_key(options.key, directory, id);
    if (found.has_error())
      return found.error();
    return std::move(found->candidates);
  };
  return restore_over(persistence::posix_file_system(), options, find, running);
}

} // namespace cloister
