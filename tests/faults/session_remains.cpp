// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// A process opens an ephemeral session that outgrows memory, and a resumable
// one that it ends, tells the keys that it finds for them in its own memory,
// and is killed with -9. What is on the disk must open with those keys, so that
// this test can fail, and with none that the disk and the master key give.
//
//   session_remains                 starts the other one: session_remains DIR

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "engine/stored_records.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/runtime_impl.hpp"

using namespace cloister;

namespace {

namespace fs = std::filesystem;

constexpr std::string_view organization_name = "org_acme";
constexpr std::size_t memories = 60;
constexpr std::size_t content_bytes = 30'000;

[[noreturn]] void fail(const std::string& why) {
  std::cerr << "session_remains: " << why << '\n';
  std::exit(1);
}

std::string read_all(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// -- the process that is killed --

/// What lies where keys are kept: chunks of 64 KiB, locked, without a name.
std::string keys_in_memory() {
  constexpr std::uintptr_t chunk = 64 * 1024;
  std::string out;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    std::string allowed;
    char dash = 0;
    std::istringstream in{line};
    in >> std::hex >> from >> dash >> to >> allowed;
    if (allowed == "rw-p" && to - from == chunk)
      // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses are what it reads.
      out.append(reinterpret_cast<const char*>(from), to - from);
  }
  return out;
}

/// The key in this process's memory that opens a record; empty if none does.
bytes captured_key(bytes_view context, bytes_view sealed) {
  auto memory = keys_in_memory();
  for (std::size_t at = 0; at + crypto::secret_key::size <= memory.size();
       at += crypto::secret_key::size) {
    auto material = bytes_view{memory}.substr(at, crypto::secret_key::size);
    if (crypto::open(crypto::secret_key::from_bytes(material), context, sealed))
      return bytes{material};
  }
  return {};
}

void tell(const std::string& what, bytes_view value) {
  std::cout << what << ' ' << to_hex(value) << '\n';
}

bytes prefix_of(const engine::services& with, const scope& session) {
  auto organization = with.catalog.find(session.organization()).value().exact;
  auto live = with.sessions->find(session);
  persistence::key_space space{organization->partition, live->tag()};
  return bytes{space.everything()};
}

void tell_ephemeral(const engine::services& with, const std::string& dir,
                    const client& under) {
  auto run = under.open_session().value();
  for (std::size_t i = 0; i < memories; ++i)
    run->create_memory({.content = std::string(content_bytes, 'x')}).value();
  auto prefix = prefix_of(with, run.scope());
  auto file = read_all(dir + "/sessions/1");
  auto first = persistence::decode_session_record(file);
  if (!first)
    fail("the session has no file");
  auto key = captured_key(prefix + first->key, first->sealed);
  if (key.empty())
    fail("the key of the ephemeral session is not where keys are kept");
  tell("ephemeral-key", key);
  tell("ephemeral-prefix", prefix);
  run.detach();
}

void tell_resumable(const engine::services& with, const client& under) {
  auto run = under.open_session({.resumable = true}).value();
  run->create_memory({.content = "of a resumable session"}).value();
  auto prefix = prefix_of(with, run.scope());
  bytes key_of_record;
  bytes sealed;
  with.records
    .scan(prefix + "m", {},
          [&](bytes_view key, bytes_view value) {
            key_of_record = key;
            sealed = value;
            return false;
          })
    .value();
  auto key = captured_key(key_of_record, sealed);
  if (key.empty())
    fail("the key of the resumable session is not where keys are kept");
  tell("resumable-key", key);
  tell("resumable-record-key", key_of_record);
  tell("resumable-record", sealed);
  run.close().value();
  if (!captured_key(key_of_record, sealed).empty())
    fail("the key of the resumable session is in memory after its end");
}

int live(const std::string& dir) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto opened = runtime::open({.data_dir = dir});
  if (opened.has_error())
    fail(opened.error().detail);
  auto under
    = opened->organization(organization_name)->client("agent_planner").value();
  under.create_memory({.content = "stays"}).value();
  const auto& with = runtime_access::parts(*opened).gateway->services();
  tell_resumable(with, under);
  tell_ephemeral(with, dir, under);
  std::cout << "ready\n" << std::flush;
  for (;;)
    ::pause();
}

// -- the one that looks at what is left --

using told_values = std::map<std::string, bytes>;

/// Starts the other one, hears what it tells, and kills it.
told_values live_and_die(const std::string& dir) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    fail("no pipe");
  auto child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl("/proc/self/exe", "session_remains", dir.c_str(), nullptr);
    std::_Exit(2);
  }
  ::close(ends[1]);
  told_values told;
  std::string text;
  std::array<char, 4096> piece{};
  while (text.find("ready\n") == std::string::npos) {
    auto got = ::read(ends[0], piece.data(), piece.size());
    if (got <= 0)
      break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  if (text.find("ready\n") == std::string::npos)
    fail("the other process ended early");
  std::istringstream lines{text};
  for (std::string name, value; lines >> name >> value;)
    told[name] = from_hex(value).value();
  return told;
}

void collect(const persistence::scope_keys& keys,
             std::vector<const crypto::secret_key*>& out) {
  for (const auto* key : {&keys.wrapping, &keys.control, &keys.fingerprint})
    out.push_back(key);
  // Lives as long as its ring, which nobody changes here.
  out.push_back(&keys.data->now()->key);
}

/// Every key that the master key leads to.
void collect_below(const persistence::catalog& catalog,
                   const persistence::identity_ptr& parent,
                   std::vector<persistence::identity_ptr>& kept,
                   std::vector<const crypto::secret_key*>& out) {
  std::vector<persistence::identity_ptr> children;
  catalog
    .children(parent,
              [&](result<persistence::identity_ptr> child) {
                if (child)
                  children.push_back(*child);
                return true;
              })
    .value();
  for (const auto& child : children) {
    kept.push_back(child);
    collect(child->keys, out);
    for (const auto* key : {&child->organization->tag, &child->organization->id,
                            &child->organization->audit})
      out.push_back(key);
    for (const auto& [version, key] : child->organization->signing)
      out.push_back(&key);
    collect_below(catalog, child, kept, out);
  }
}

/// Records of the file that open with a key.
std::size_t opened_with(const crypto::secret_key& key, const bytes& prefix,
                        bytes_view file) {
  std::size_t count = 0;
  while (auto record = persistence::decode_session_record(file)) {
    if (crypto::open(key, prefix + record->key, record->sealed))
      ++count;
    auto size
      = sizeof(std::uint32_t) + 1 + record->key.size() + record->sealed.size();
    file.remove_prefix(std::min<std::size_t>(
      file.size(), persistence::session_record_room(size)));
  }
  return count;
}

void look_for(const bytes& key, const fs::path& in, const std::string& whose) {
  for (const auto& each : fs::recursive_directory_iterator{in})
    if (each.is_regular_file()
        && read_all(each.path()).find(key) != std::string::npos)
      fail("the key of " + whose + " is in " + each.path().string());
}

void examine(const std::string& root, const std::string& dir,
             const told_values& told) {
  auto file = read_all(dir + "/sessions/1");
  const auto& prefix = told.at("ephemeral-prefix");
  auto ephemeral = crypto::secret_key::from_bytes(told.at("ephemeral-key"));
  auto resumable = crypto::secret_key::from_bytes(told.at("resumable-key"));
  auto in_file = opened_with(ephemeral, prefix, file);
  if (in_file < memories / 4)
    fail("only " + std::to_string(in_file)
         + " records of the file open with the session's key");
  if (!crypto::open(resumable, told.at("resumable-record-key"),
                    told.at("resumable-record")))
    fail("the record of the resumable session does not open with its key");
  // The keys are looked for before anything could be tidied up.
  look_for(told.at("ephemeral-key"), root, "the ephemeral session");
  look_for(told.at("resumable-key"), root, "the resumable session");
  auto parts = open_parts({.data_dir = dir, .key = {}});
  if (parts.has_error())
    fail(parts.error().detail);
  std::vector<persistence::identity_ptr> kept;
  std::vector<const crypto::secret_key*> keys{
    &parts->node->tag, &parts->node->audit, &parts->node->signing_seed,
    &parts->node->operator_signing, parts->node->master->newest().first.get()};
  collect(parts->node->keys, keys);
  collect_below(*parts->catalog, nullptr, kept, keys);
  for (const auto* key : keys) {
    if (opened_with(*key, prefix, file) > 0)
      fail("a key that the store gives opens the ephemeral session");
    if (crypto::open(*key, told.at("resumable-record-key"),
                     told.at("resumable-record")))
      fail("a key that the store gives opens the resumable session");
  }
  std::cout << in_file << " records of an ephemeral session and one of a "
            << "resumable one open with their own keys, and with none of "
            << keys.size() << " that are left\n";
}

/// A start sweeps what is left, and the trail tells of it.
void start_again(const std::string& dir) {
  auto opened = runtime::open({.data_dir = dir}).value();
  auto under
    = opened.organization(organization_name)->client("agent_planner").value();
  std::set<std::string> reasons;
  for (const auto& line :
       under.list_audit({.operation = "session.end"}).value().results)
    reasons.insert(line.reason);
  if (!reasons.contains("the process ended"))
    fail("the trail does not tell of the end of the ephemeral session");
  if (!under.list_sessions().value().empty())
    fail("a session is still open");
  if (fs::exists(dir + "/sessions/1"))
    fail("the session's file is still there");
  auto report = opened.verify_all().value();
  if (!report.intact)
    fail("the chain is broken: " + report.first_broken + ' ' + report.reason);
}

int look() {
  auto root = (fs::temp_directory_path() / "session-remains-XXXXXX").string();
  if (::mkdtemp(root.data()) == nullptr)
    fail("no temporary folder");
  auto config = root + "/config";
  ::setenv("XDG_CONFIG_HOME", config.c_str(), 1);
  auto dir = root + "/data";
  auto told = live_and_die(dir);
  examine(root, dir, told);
  start_again(dir);
  fs::remove_all(root);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  return argc == 2 ? live(argv[1]) : look();
}
