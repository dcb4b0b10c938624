// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <filesystem>
#include <shared_mutex>

#include "core/encoding.hpp"
#include "crypto/random.hpp"
#include "persistence/backup.hpp"
#include "runtime/backup_impl.hpp"
#include "runtime/runtime_impl.hpp"
#include "runtime/signing.hpp"

namespace cloister {

backup_summary to_summary(const persistence::backup_summary& from) {
  return {to_hex(view_of(from.head.backup)),
          to_hex(view_of(from.head.store)),
          from.head.made_at,
          from.head.master_version,
          from.records,
          from.keys,
          from.bytes};
}

persistence::backup_watcher to_watcher(backup_watcher watch) {
  if (!watch)
    return {};
  return [watch = std::move(watch)](const persistence::backup_progress& at) {
    return watch({at.records, at.bytes});
  };
}

call<erasure_list> runtime::impl::erased_list(std::shared_ptr<impl> self) {
  // Before: what is erased meanwhile may be missing.
  auto made_at = self->gateway->services().time->now();
  engine::node_operation what{engine::list_erased_names{}};
  auto done = co_await self->gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  erasure_list out;
  out.store = self->store.directory->id();
  out.made_at = made_at;
  for (const auto& each : std::get<engine::erased_names>(*done).list)
    out.entries.push_back({to_hex(view_of(each.parent)),
                           to_hex(view_of(each.name)), each.incarnation,
                           each.refused, each.erased_at, each.with_copies});
  sign(out, self->signing_seed());
  co_return out;
}

result<erasure_list> runtime::list_erased() const {
  return impl::wait_unsealed<erasure_list>(
    impl_, [&] { return impl::erased_list(impl_); });
}

void runtime::list_erased(completion_handler<erasure_list> done) const {
  impl::start_unsealed<erasure_list>(
    impl_, [&] { return impl::erased_list(impl_); }, std::move(done));
}

namespace {

/// Tells the node's chain what became of a backup. One that nobody knows of
/// does not count.
result<void> note_backup(const runtime::impl& node, errc outcome,
                         std::string reason) {
  engine::node_operation what{engine::note_node{auth::operation::back_up,
                                                auth::principal_kind::operator_,
                                                outcome, std::move(reason)}};
  auto noted = wait(node.gateway->perform_on_node(std::move(what)));
  if (noted.has_error())
    return noted.error();
  return {};
}

/// Holds the name of a file as long as a backup is written to it. Two to one
/// name would write over each other.
class backup_turn {
public:
  backup_turn(runtime::impl& node, const std::string& path)
    : node_(node), name_(whole(path)) {
    std::lock_guard guard{node_.backups_mutex};
    if (node_.backups.contains(name_) || node_.backups.contains(keys_name()))
      return;
    node_.backups.insert({name_, keys_name()});
    is_alone_ = true;
  }
  backup_turn(const backup_turn&) = delete;
  backup_turn& operator=(const backup_turn&) = delete;
  ~backup_turn() {
    if (!is_alone_)
      return;
    std::lock_guard guard{node_.backups_mutex};
    node_.backups.erase(name_);
    node_.backups.erase(keys_name());
  }

  bool is_alone() const {
    return is_alone_;
  }

private:
  /// One name for each spelling of it.
  static std::string whole(const std::string& path) {
    std::error_code failed;
    auto absolute = std::filesystem::absolute(path, failed);
    auto out = std::filesystem::weakly_canonical(absolute, failed);
    return failed ? path : out.string();
  }
  std::string keys_name() const {
    return name_ + ".keys";
  }

  runtime::impl& node_;
  std::string name_;
  bool is_alone_ = false;
};

} // namespace

result<backup_summary> runtime::back_up(const std::string& path,
                                        backup_watcher watch) const {
  if (impl_->sealed)
    return *impl_->sealed;
  if (path.empty())
    return error{errc::invalid_argument, "name the file of the backup"};
  std::shared_lock together{impl_->rotating, std::try_to_lock};
  if (!together.owns_lock() || impl_->store.rotating)
    return error{errc::unavailable,
                 "the master key is being rotated; try again when that is done",
                 limits::overload_retry_hint};
  backup_turn turn{*impl_, path};
  if (!turn.is_alone())
    return error{errc::conflict, "another backup is being written to " + path
                                   + "; choose another name"};
  auto id = crypto::random_array<16>();
  auto note
    = backup_note(to_hex(view_of(id)), impl_->store.node->master->version());
  // Before: one that nobody was told of must not be missed by a rotation.
  if (auto noted = note_backup(*impl_, errc::ok, note); noted.has_error())
    return noted.error();
  auto now = impl_->gateway->services().time->now();
  auto done = persistence::back_up(impl_->store, path, path + ".keys", id, now,
                                   to_watcher(std::move(watch)));
  if (done.has_error()) {
    static_cast<void>(
      note_backup(*impl_, done.error().code, note + ", it was not completed"));
    return done.error();
  }
  return to_summary(*done);
}

std::string backup_note(const std::string& backup, std::uint32_t version) {
  return backup + " master key " + std::to_string(version);
}

} // namespace cloister
