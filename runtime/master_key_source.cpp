// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/master_key_source.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "core/encoding.hpp"
#include "crypto/passphrase.hpp"
#include "crypto/random.hpp"
#include "persistence/file_system.hpp"
#include "persistence/rotation.hpp"
#include "runtime/key_command.hpp"
#include "runtime/master_key.hpp"

namespace cloister {

namespace {

constexpr std::string_view passphrase_head = "cloister passphrase 1\nargon2id ";
constexpr std::size_t passphrase_bytes_min = 8;
constexpr std::size_t key_digits = 64;

std::optional<std::string> variable(const char* name) {
  // Read while the store is opened; nobody changes the environment then.
  auto value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || *value == '\0')
    return std::nullopt;
  return value;
}

std::string passphrase_path(const std::string& data_dir) {
  return data_dir + "/passphrase";
}

bool has_passphrase(const std::string& data_dir) {
  return persistence::posix_file_system()->exists(passphrase_path(data_dir));
}

std::string next_passphrase_path(const std::string& data_dir) {
  return data_dir + "/passphrase.next";
}

bool has_next_passphrase(const std::string& data_dir) {
  return persistence::posix_file_system()->exists(
    next_passphrase_path(data_dir));
}

bool is_set_empty(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  auto value = std::getenv(name);
  return value && *value == '\0';
}

/// What is meant, with variables looked at; the key itself is last.
struct chosen_source {
  master_key_source from;
  std::optional<std::string> key;
};

result<chosen_source> choose(const master_key_source& asked) {
  auto given = [](const master_key_source& from) {
    return (from.file ? 1 : 0) + (from.command ? 1 : 0)
           + (from.passphrase ? 1 : 0);
  };
  if (given(asked) > 1)
    return error{errc::invalid_argument,
                 "a master key comes from one place: a file, a command or a "
                 "passphrase"};
  if (given(asked) == 1)
    return chosen_source{asked, std::nullopt};
  // "$UNSET" must not mean another key than the one that was meant.
  for (auto name : {"CLOISTER_MASTER_KEY_FILE", "CLOISTER_MASTER_KEY_COMMAND",
                    "CLOISTER_PASSPHRASE", "CLOISTER_MASTER_KEY"})
    if (is_set_empty(name))
      return error{errc::invalid_argument,
                   std::string{name}
                     + " is set, but empty; set it, or unset it"};
  chosen_source out{{variable("CLOISTER_MASTER_KEY_FILE"),
                     variable("CLOISTER_MASTER_KEY_COMMAND"),
                     variable("CLOISTER_PASSPHRASE")},
                    variable("CLOISTER_MASTER_KEY")};
  if (given(out.from) + (out.key ? 1 : 0) > 1)
    return error{errc::invalid_argument,
                 "several variables say where the master key comes from; set "
                 "one of CLOISTER_MASTER_KEY_FILE, CLOISTER_MASTER_KEY, "
                 "CLOISTER_MASTER_KEY_COMMAND and CLOISTER_PASSPHRASE"};
  return out;
}

result<crypto::secret_key> parse_key(std::string_view text,
                                     const std::string& whence) {
  auto end = text.find_last_not_of(" \r\n");
  text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  auto key = text.size() == key_digits ? from_hex(text) : std::nullopt;
  if (!key)
    return error{errc::sealed, whence
                                 + " is no master key: that has 64 hexadecimal "
                                   "digits, as in the file that `cloister "
                                   "init` makes"};
  auto out = crypto::secret_key::from_bytes(*key);
  crypto::wipe(key->data(), key->size());
  return out;
}

result<crypto::secret_key> key_of_command(const std::string& command) {
  auto printed = output_of_command(command);
  if (printed.has_error())
    return error{errc::sealed, "the command for the master key failed: "
                                 + printed.error().detail};
  auto out = parse_key(*printed, "what the command for the master key printed");
  crypto::wipe(printed->data(), printed->size());
  return out;
}

std::string encode_cost(const crypto::passphrase_cost& cost) {
  return std::string{passphrase_head} + std::to_string(cost.passes) + ' '
         + std::to_string(cost.memory_kib) + "\nsalt "
         + to_hex(view_of(cost.salt)) + '\n';
}

/// Costs beyond these would be an attack on whoever opens the store.
constexpr std::uint64_t passes_max = 64;
constexpr std::uint64_t memory_kib_max = 4 * 1024 * 1024;

result<crypto::passphrase_cost> read_cost(const std::string& path) {
  auto files = persistence::posix_file_system();
  auto text = persistence::read_file(*files, path);
  if (text.has_error())
    return text.error();
  error malformed{errc::sealed, path + " is damaged; restore it from a backup"};
  if (!text->starts_with(passphrase_head))
    return malformed;
  crypto::passphrase_cost cost;
  auto at = text->data() + passphrase_head.size();
  auto end = text->data() + text->size();
  auto passes = std::from_chars(at, end, cost.passes);
  if (passes.ec != std::errc{} || passes.ptr == end || *passes.ptr != ' ')
    return malformed;
  auto memory = std::from_chars(passes.ptr + 1, end, cost.memory_kib);
  std::string_view rest{memory.ptr, static_cast<std::size_t>(end - memory.ptr)};
  constexpr std::string_view salt_head = "\nsalt ";
  if (memory.ec != std::errc{} || !rest.starts_with(salt_head)
      || cost.passes > passes_max || cost.memory_kib > memory_kib_max)
    return malformed;
  auto salt = from_hex(rest.substr(salt_head.size(), 2 * sizeof cost.salt));
  if (!salt || salt->size() != sizeof cost.salt)
    return malformed;
  cost.salt = byte_reader{*salt}.array<sizeof cost.salt>();
  return cost;
}

/// By the file `passphrase`, and by the one that takes its place when a
/// rotation ends.
result<std::vector<crypto::secret_key>>
keys_of_passphrase(const std::string& passphrase, const std::string& data_dir) {
  if (!has_passphrase(data_dir) && !has_next_passphrase(data_dir))
    return error{errc::sealed,
                 "this store's master key does not come of a passphrase; leave "
                 "it away, or name the key's file with "
                 "CLOISTER_MASTER_KEY_FILE"};
  std::vector<crypto::secret_key> out;
  std::optional<error> failure;
  for (const auto& path :
       {passphrase_path(data_dir), next_passphrase_path(data_dir)}) {
    if (!persistence::posix_file_system()->exists(path))
      continue;
    auto cost = read_cost(path);
    auto key = cost ? crypto::key_from_passphrase(passphrase, *cost)
                    : result<crypto::secret_key>{cost.error()};
    if (key)
      out.push_back(std::move(*key));
    else
      failure = key.error();
  }
  if (out.empty() && failure)
    return *failure;
  return out;
}

found_master_key found(crypto::secret_key key, std::string file = {});

/// Of the file, and of the one that takes its place when a rotation ends.
result<found_master_key> keys_of_file(const std::string& path) {
  auto own = read_master_key(path);
  auto next_path = path + ".next";
  auto has_next = persistence::posix_file_system()->exists(next_path);
  auto next = has_next ? read_master_key(next_path)
                       : result<crypto::secret_key>{error{}};
  if (own.has_error() && next.has_error())
    return own.error();
  auto out = found(std::move(own ? *own : *next), path);
  if (own && next)
    out.candidates.push_back(std::move(*next));
  return out;
}

found_master_key found(crypto::secret_key key, std::string file) {
  found_master_key out;
  out.candidates.push_back(std::move(key));
  out.file = std::move(file);
  return out;
}

} // namespace

bool needs_passphrase(const master_key_source& source,
                      const std::string& data_dir) {
  auto chosen = choose(source);
  if (chosen.has_error() || !has_passphrase(data_dir))
    return false;
  const auto& from = chosen->from;
  return !chosen->key && !from.file && !from.command && !from.passphrase;
}

result<found_master_key> find_master_key(const master_key_source& source,
                                         const std::string& data_dir,
                                         const std::string& store_id) {
  auto chosen = choose(source);
  if (chosen.has_error())
    return chosen.error();
  const auto& [from, key] = *chosen;
  auto alone = [](result<crypto::secret_key> one) -> result<found_master_key> {
    if (one.has_error())
      return one.error();
    return found(std::move(*one));
  };
  if (key)
    return alone(parse_key(*key, "CLOISTER_MASTER_KEY"));
  if (from.command)
    return alone(key_of_command(*from.command));
  if (from.passphrase) {
    auto keys = keys_of_passphrase(*from.passphrase, data_dir);
    if (keys.has_error())
      return keys.error();
    return found_master_key{std::move(*keys), {}, true};
  }
  if (!from.file && has_passphrase(data_dir))
    return error{errc::sealed,
                 "this store's master key comes of a passphrase; give it with "
                 "CLOISTER_PASSPHRASE"};
  auto path = master_key_path(from.file, store_id);
  if (path.has_error())
    return path.error();
  auto of_file = keys_of_file(*path);
  if (of_file.has_error() && !from.file && has_next_passphrase(data_dir))
    return error{errc::sealed,
                 "this store's master key comes of a passphrase now; give it "
                 "with CLOISTER_PASSPHRASE"};
  return of_file;
}

namespace {

/// What a passphrase needs lies in the data directory.
result<crypto::secret_key> key_of_new_passphrase(const std::string& passphrase,
                                                 const std::string& path) {
  if (passphrase.size() < passphrase_bytes_min)
    return error{errc::invalid_argument,
                 "a passphrase has 8 characters at least; several words are "
                 "better"};
  crypto::passphrase_cost cost;
  crypto::system_random_bytes(cost.salt.data(), cost.salt.size());
  auto files = persistence::posix_file_system();
  auto written = persistence::replace_file(*files, path, encode_cost(cost));
  if (written.has_error())
    return written.error();
  return crypto::key_from_passphrase(passphrase, cost);
}

result<new_master_key> make_of_passphrase(const std::string& passphrase,
                                          const std::string& data_dir) {
  auto key = key_of_new_passphrase(passphrase, passphrase_path(data_dir));
  if (key.has_error())
    return key.error();
  return new_master_key{std::move(*key), "the passphrase"};
}

/// Whoever takes the store must not take its key with it.
result<void> refuse_inside(const std::string& path,
                           const std::string& data_dir) {
  if (!whole_path(path).starts_with(whole_path(data_dir) + '/'))
    return {};
  return error{errc::invalid_argument,
               "the master key must not lie in the data directory that it "
               "opens; name a file elsewhere"};
}

result<next_master_key> next_of_file(const std::string& path) {
  auto files = persistence::posix_file_system();
  auto next = path + ".next";
  // Of an attempt that came to nothing.
  if (files->exists(next))
    if (auto done = persistence::destroy_file(*files, next); done.has_error())
      return done.error();
  auto key = crypto::secret_key::random();
  if (auto done = write_master_key(next, key); done.has_error())
    return done.error();
  return next_master_key{std::move(key), path, next, path, false};
}

result<next_master_key> next_of_passphrase(const std::string& passphrase,
                                           const std::string& data_dir) {
  auto next = next_passphrase_path(data_dir);
  auto key = key_of_new_passphrase(passphrase, next);
  if (key.has_error())
    return key.error();
  return next_master_key{std::move(*key), "the new passphrase", next,
                         passphrase_path(data_dir), true};
}

result<new_master_key> make_file(const std::optional<std::string>& asked,
                                 const std::string& store_id) {
  auto path = master_key_path(asked, store_id);
  if (path.has_error())
    return path.error();
  if (persistence::posix_file_system()->exists(*path)) {
    auto key = read_master_key(*path);
    if (key.has_error())
      return key.error();
    return new_master_key{std::move(*key), *path, true, false};
  }
  auto key = crypto::secret_key::random();
  if (auto done = write_master_key(*path, key); done.has_error())
    return done.error();
  return new_master_key{std::move(key), *path, true, true};
}

} // namespace

result<new_master_key> make_master_key(const master_key_source& source,
                                       const std::string& data_dir,
                                       const std::string& store_id) {
  auto chosen = choose(source);
  if (chosen.has_error())
    return chosen.error();
  const auto& [from, key] = *chosen;
  // Of an attempt that was given up.
  if (!from.passphrase && has_passphrase(data_dir))
    if (auto done
        = persistence::posix_file_system()->remove(passphrase_path(data_dir));
        done.has_error())
      return done.error();
  if (from.passphrase)
    return make_of_passphrase(*from.passphrase, data_dir);
  if (!key && !from.command && from.file)
    if (auto fits = refuse_inside(*from.file, data_dir); fits.has_error())
      return fits.error();
  if (!key && !from.command)
    return make_file(from.file, store_id);
  auto found = key ? parse_key(*key, "CLOISTER_MASTER_KEY")
                   : key_of_command(*from.command);
  if (found.has_error())
    return found.error();
  return new_master_key{std::move(*found),
                        key ? "CLOISTER_MASTER_KEY" : "the command"};
}

std::string whole_path(const std::string& path) {
  std::error_code failed;
  auto whole = std::filesystem::weakly_canonical(
    std::filesystem::absolute(path, failed), failed);
  return failed ? path : whole.string();
}

bool is_same_file(const std::string& a, const std::string& b) {
  return whole_path(a) == whole_path(b);
}

result<next_master_key> make_next_master_key(const master_key_source& wanted,
                                             const found_master_key& now,
                                             const std::string& data_dir) {
  if (wanted.passphrase)
    return next_of_passphrase(*wanted.passphrase, data_dir);
  if (wanted.file)
    if (auto fits = refuse_inside(*wanted.file, data_dir); fits.has_error())
      return fits.error();
  if (wanted.file && !is_same_file(*wanted.file, now.file)
      && persistence::posix_file_system()->exists(*wanted.file))
    return error{errc::conflict,
                 *wanted.file
                   + " is there already, and is not this store's key; name a "
                     "new file"};
  if (wanted.file || (!wanted.command && !now.file.empty()))
    return next_of_file(whole_path(wanted.file.value_or(now.file)));
  if (!wanted.command)
    return error{errc::invalid_argument,
                 "say where the new master key comes from: "
                 "--new-master-key-file, --new-master-key-command or "
                 "--new-passphrase"};
  auto key = key_of_command(*wanted.command);
  if (key.has_error())
    return key.error();
  return next_master_key{std::move(*key), "what the new command prints"};
}

} // namespace cloister
