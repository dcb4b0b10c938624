// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/doctor.hpp"

#include <algorithm>
#include <thread>

#include <sys/stat.h>

#include "core/limits.hpp"
#include "crypto/key_slab.hpp"
#include "engine/examiner.hpp"
#include "engine/overdue.hpp"
#include "engine/repairer.hpp"
#include "persistence/node_store.hpp"
#include "persistence/salvage.hpp"
#include "runtime/master_key.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

namespace {

/// Collects findings in the order they are made.
class findings {
public:
  explicit findings(doctor_report& report) : report_(report) {}

  /// What is still damaged is beyond repair.
  bool after_repair = false;

  void ok(std::string what) {
    add(finding_level::ok, std::move(what), {});
  }
  void warn(std::string what, std::string advice) {
    add(finding_level::warning, std::move(what), std::move(advice));
  }
  void damage(std::string what, std::string advice) {
    if (after_repair && !advice.empty())
      advice = "no repair can mend this; restore a backup";
    add(finding_level::damage, std::move(what), std::move(advice));
  }
  void repaired(std::string what) {
    add(finding_level::repaired, std::move(what), {});
  }
  void lost(std::string what) {
    add(finding_level::lost, std::move(what),
        "look for it in a backup; the copy that was kept aside has what was "
        "there before the repair");
  }

private:
  void add(finding_level level, std::string what, std::string advice) {
    report_.findings.push_back({level, std::move(what), std::move(advice)});
  }
  doctor_report& report_;
};

void examine_permissions(const doctor_options& options, findings& out) {
  const auto& path = options.data_dir;
  struct stat info;
  if (::stat(path.c_str(), &info) != 0)
    return;
  auto may_enter = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  if (may_enter && options.repair && ::chmod(path.c_str(), S_IRWXU) == 0)
    out.repaired("others could enter " + path + "; only the owner may now");
  else if (may_enter)
    out.warn("others may enter " + path, "run `chmod 700 " + path + '`');
  else
    out.ok("only the owner may enter " + path);
}

/// What former repairs and damage left beside the store or in it.
void examine_leftovers(persistence::file_system& files, const std::string& path,
                       findings& out) {
  auto clean = path;
  while (clean.size() > 1 && clean.back() == '/')
    clean.pop_back();
  auto above = persistence::directory_of(clean);
  auto own = clean.substr(clean.rfind('/') + 1) + ".before-repair-";
  if (auto names = files.list(above))
    for (const auto& name : *names)
      if (name.starts_with(own))
        out.warn(above + '/' + name
                   + " has the store as it was before a repair,"
                     " keys and what was deleted since included",
                 "remove it once you do not need it");
  if (auto names = files.list(path))
    for (const auto& name : *names)
      if (name.starts_with(persistence::audit_journal::damaged_prefix))
        out.warn(path + '/' + name + " has audit entries that cannot be read",
                 "keep it for an inquiry, or remove it");
}

void examine_space(persistence::file_system& files, const std::string& path,
                   findings& out) {
  auto space = files.free_space(path);
  if (!space)
    return;
  auto mebibytes = std::to_string(*space / (1024 * 1024)) + " MiB free";
  if (*space < limits::free_space_bytes_min)
    out.warn(mebibytes, "only deletions are accepted; free some space");
  else
    out.ok(mebibytes);
}

void examine_memory_lock(findings& out) {
  if (crypto::slab_status().locked)
    out.ok("keys are kept out of swap");
  else
    out.warn("the system does not let keys be locked in memory",
             "raise `ulimit -l`, or see that swap is off or encrypted");
}

/// The doctor need not send anybody to the doctor: what a finding says to do is
/// its advice, once.
void report_damage(const std::string& where, std::string what, findings& out) {
  auto advice = std::string{"run `cloister doctor --repair`"};
  if (auto at = what.find("; run `cloister doctor"); at != std::string::npos)
    what.erase(at);
  else if (what.find("restore") != std::string::npos
           || what.find("use that version") != std::string::npos)
    advice.clear();
  out.damage(where.empty() ? what : where + ": " + what, advice);
}

void report_examination(const engine::examination& found, findings& out) {
  for (const auto& damage : found.damages)
    report_damage(damage.scope, damage.what, out);
  for (auto slot : found.half_slots)
    out.damage("key slot " + std::to_string(slot)
                 + ": one of its two copies is damaged",
               "run `cloister doctor --repair`");
  if (found.orphaned_records > 0)
    out.warn(std::to_string(found.orphaned_records)
               + " records belong to no known scope",
             found.damages.empty()
               ? "they only take space; run `cloister doctor --repair`"
               : "they may be of what is damaged; run `cloister doctor "
                 "--repair`");
  if (found.unfinished_erasures > 0)
    out.warn(std::to_string(found.unfinished_erasures)
               + " erasures still have space to give back",
             "that goes on while a process has the store open, or run "
             "`cloister doctor --repair`");
  if (found.damages.empty() && found.half_slots.empty())
    out.ok(std::to_string(found.records) + " records of "
           + std::to_string(found.scopes)
           + (found.scopes == 1 ? " scope" : " scopes")
           + " verify, and so do all audit chains");
}

void report_blocks(const std::vector<persistence::damaged_block>& blocks,
                   bool repairing, findings& out) {
  for (const auto& block : blocks) {
    auto where = "a block of store/" + block.file + " at byte "
                 + std::to_string(block.offset);
    auto corrected = !block.keys.empty();
    if (!repairing)
      out.damage(where + (corrected ? " has a wrong byte" : " is unreadable"),
                 "run `cloister doctor --repair`");
    else if (corrected)
      out.repaired(where + ": a wrong byte was put right; each of its "
                   + std::to_string(block.keys.size())
                   + " records is kept where its seal proves it");
    else
      out.lost(where
               + " is unreadable: scopes that may have had their newest "
                 "records in it keep what their audit trail proves");
  }
}

std::string counted(std::size_t number, const char* one, const char* many) {
  return std::to_string(number) + ' ' + (number == 1 ? one : many);
}

/// What is damaged is told of elsewhere.
void report_overdue(const engine::services& with, findings& out) {
  auto found = engine::count_overdue(with, with.time->now());
  if (found.has_error())
    return;
  std::string advice = "they go while something has the store open for a "
                       "while, or run `cloister doctor --repair`";
  if (found->expired > 0)
    out.warn(counted(found->expired, "memory that has expired is",
                     "memories that have expired are")
               + " still on the disk; nobody can read them",
             advice);
  if (found->purges > 0)
    out.warn("what was deleted in " + counted(found->purges, "scope", "scopes")
               + " is due to leave the disk and has not",
             advice);
}

/// Examines an opened store.
result<void> examine_opened(const doctor_options& options,
                            doctor_report& report, findings& out) {
  auto parts = open_parts({options.data_dir, options.key});
  if (parts.has_error())
    return parts.error();
  auto with = services_over(*parts, system_clock());
  if (auto done = parts->records->find_damage(); done.has_error())
    return done;
  auto found = engine::examine_store(with, *parts->slots);
  report_blocks(parts->records->damage()->blocks(), false, out);
  report.scopes = found.scopes;
  report.records = found.records;
  report_examination(found, out);
  report_overdue(with, out);
  if (parts->rotating)
    out.warn("a rotation of the master key was interrupted",
             "it goes on when the store is opened, or run `cloister doctor "
             "--repair`");
  return {};
}

/// Removes what belongs to nobody, where everything else could be read.
result<void> clear_orphans(const doctor_options& options, findings& out) {
  auto parts = open_parts({options.data_dir, options.key});
  if (parts.has_error())
    return parts.error();
  auto with = services_over(*parts, system_clock());
  auto found = engine::examine_store(with, *parts->slots);
  if (!found.damages.empty() || found.orphans.empty())
    return {};
  if (auto done = engine::remove_orphans(*parts->records, found);
      done.has_error())
    return done;
  out.repaired(std::to_string(found.orphans.size())
               + " records that belonged to no scope were removed");
  return {};
}

bool has_erasures(const runtime& opened) {
  const auto& with = runtime_access::parts(opened).gateway->services();
  auto range
    = with.catalog.node().space().range(persistence::record_kind::erasure);
  bool found = false;
  static_cast<void>(with.records.scan(range, {}, [&](bytes_view, bytes_view) {
    found = true;
    return false;
  }));
  return found;
}

engine::overdue overdue_in(const runtime& opened) {
  const auto& with = runtime_access::parts(opened).gateway->services();
  auto found = engine::count_overdue(with, with.time->now());
  return found ? *found : engine::overdue{};
}

bool is_overdue(const engine::overdue& what) {
  return what.expired + what.purges > 0;
}

/// Before the store is opened, which begins to remove it.
result<bool> is_anything_overdue(const doctor_options& options) {
  auto parts = open_parts({options.data_dir, options.key});
  if (parts.has_error())
    return parts.error();
  auto with = services_over(*parts, system_clock());
  auto found = engine::count_overdue(with, with.time->now());
  if (found.has_error())
    return found.error();
  return is_overdue(*found);
}

/// Lets erasures and rotations that were interrupted come to their end, and
/// removes what is due, as whoever has the store open does.
result<void> finish_begun(const doctor_options& options, findings& out) {
  constexpr std::chrono::minutes patience{10};
  constexpr std::chrono::milliseconds look{20};
  runtime_options open;
  open.data_dir = options.data_dir;
  open.master_key_file = options.key.file;
  open.master_key_command = options.key.command;
  open.passphrase = options.key.passphrase;
  open.create = false;
  auto was_overdue = is_anything_overdue(options);
  if (was_overdue.has_error())
    return was_overdue.error();
  auto opened = runtime::open(open);
  if (opened.has_error())
    return opened.error();
  auto had_erasures = has_erasures(*opened);
  auto until = std::chrono::steady_clock::now() + patience;
  while (has_erasures(*opened) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(look);
  if (had_erasures && !has_erasures(*opened))
    out.repaired("erasures that were interrupted came to their end");
  while (is_overdue(overdue_in(*opened))
         && std::chrono::steady_clock::now() < until) {
    opened->sweep();
    std::this_thread::sleep_for(look);
  }
  if (*was_overdue && !is_overdue(overdue_in(*opened)))
    out.repaired("what was deleted or has expired has left the disk");
  return {};
}

/// What is no damage, and is left to be done.
result<void> tidy_up(const doctor_options& options, findings& out) {
  if (auto done = finish_begun(options, out); done.has_error())
    return done;
  return clear_orphans(options, out);
}

std::string counted_keys(std::size_t number) {
  return number == 1 ? "there is a key"
                     : "there are " + std::to_string(number) + " keys";
}

/// Proves each record of a store that opens, and drops what it cannot.
result<void> repair_opened(const doctor_options& options, bool rebuilt,
                           doctor_report& report, findings& out) {
  auto parts = open_parts({options.data_dir, options.key, true});
  if (parts.has_error())
    return parts.error();
  auto with = services_over(*parts, system_clock());
  if (auto done = parts->records->find_damage(); done.has_error())
    return done;
  auto blocks = parts->records->damage()->blocks();
  report_blocks(blocks, true, out);
  auto repair = engine::repair_store(with, *parts->slots, *parts->records);
  if (repair.has_error())
    return repair.error();
  for (auto& line : repair->recovered)
    out.repaired(std::move(line));
  for (auto& line : repair->lost)
    out.lost(std::move(line));
  if (repair->unlisted_keys > 0 && rebuilt)
    out.lost(counted_keys(repair->unlisted_keys)
             + " of scopes that are listed nowhere: they are gone with all "
               "that was in them");
  report.repaired = true;
  return parts->records->rewrite_damaged(blocks);
}

/// What an examination that could not begin found, if that is damage.
result<void> as_finding(const result<void>& done, findings& out) {
  if (done.has_error() && done.error().code != errc::corrupted)
    return done;
  if (done.has_error())
    report_damage({}, done.error().detail, out);
  return {};
}

result<void> repair(const doctor_options& options, doctor_report& report,
                    findings& out) {
  auto files = persistence::posix_file_system();
  auto aside = persistence::copy_aside(files, options.data_dir);
  if (aside.has_error())
    return aside.error();
  out.ok("the store as it was is kept in " + *aside);
  auto salvaged = persistence::salvage_database(files, options.data_dir);
  if (salvaged.has_error())
    return salvaged.error();
  for (auto& line : salvaged->mended)
    out.repaired(std::move(line));
  for (auto& line : salvaged->lost)
    out.lost(std::move(line));
  if (salvaged->rebuilt)
    out.repaired("the database was rebuilt from what could be read");
  report.repaired = salvaged->rebuilt || !salvaged->mended.empty();
  // What stands in the way is found again by the examination that follows.
  auto done = repair_opened(options, salvaged->rebuilt, report, out);
  return done.has_error() && done.error().code != errc::corrupted
           ? done
           : result<void>{};
}

} // namespace

std::string_view to_string(finding_level level) noexcept {
  switch (level) {
    case finding_level::ok:
      return "ok";
    case finding_level::warning:
      return "warning";
    case finding_level::damage:
      return "DAMAGE";
    case finding_level::repaired:
      return "repaired";
    case finding_level::lost:
      return "LOST";
  }
  return "unknown";
}

bool doctor_report::healthy() const {
  for (const auto& each : findings)
    if (each.level == finding_level::damage
        || each.level == finding_level::lost)
      return false;
  return true;
}

result<doctor_report> examine(const doctor_options& options) {
  auto files = persistence::posix_file_system();
  doctor_report report;
  findings out{report};
  if (auto id = persistence::data_directory::read_id(*files, options.data_dir);
      id.has_error() && id.error().code != errc::corrupted)
    return id.error();
  examine_permissions(options, out);
  examine_space(*files, options.data_dir, out);
  examine_leftovers(*files, options.data_dir, out);
  doctor_report first;
  findings before{first};
  auto seen = as_finding(examine_opened(options, first, before), before);
  if (seen.has_error())
    return seen.error();
  auto has_warnings = [&first] {
    return std::any_of(
      first.findings.begin(), first.findings.end(),
      [](const auto& each) { return each.level == finding_level::warning; });
  };
  if (options.repair && first.healthy() && !has_warnings()) {
    out.ok("there is nothing to repair");
  } else if (options.repair && first.healthy()) {
    if (auto done = tidy_up(options, out); done.has_error())
      return done.error();
    first = {};
    seen = as_finding(examine_opened(options, first, before), before);
    if (seen.has_error())
      return seen.error();
  } else if (options.repair) {
    if (auto done = repair(options, report, out); done.has_error())
      return done.error();
    first = {};
    before.after_repair = true;
    seen = as_finding(examine_opened(options, first, before), before);
    if (seen.has_error())
      return seen.error();
  }
  report.scopes = first.scopes;
  report.records = first.records;
  report.findings.insert(report.findings.end(), first.findings.begin(),
                         first.findings.end());
  examine_memory_lock(out);
  return report;
}

} // namespace cloister
