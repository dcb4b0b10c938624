// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/master_key.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/encoding.hpp"
#include "crypto/random.hpp"
#include "persistence/file_system.hpp"

namespace cloister {

namespace {

constexpr std::size_t key_digits = 64;

/// Read once at the start of a command; nobody changes the environment.
std::string environment(const char* name) {
  auto value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string{} : std::string{value};
}

error sealed(std::string detail) {
  return {errc::sealed, std::move(detail)};
}

/// Makes what was created in a folder outlast a loss of power.
bool sync_folder(const std::string& path) {
  auto fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  auto synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced;
}

result<void> make_folders(const std::string& path) {
  error failed{errc::unavailable,
               "cannot create the folder of " + path
                 + "; name another file with CLOISTER_MASTER_KEY_FILE"};
  for (auto slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    auto folder = path.substr(0, slash);
    if (::mkdir(folder.c_str(), S_IRWXU) == 0) {
      if (!sync_folder(persistence::directory_of(folder)))
        return failed;
    } else if (errno != EEXIST) {
      return failed;
    }
  }
  return {};
}

} // namespace

result<std::string> master_key_path(const std::optional<std::string>& asked_for,
                                    const std::string& store_id) {
  if (asked_for && !asked_for->empty())
    return *asked_for;
  auto base = environment("XDG_CONFIG_HOME");
  if (base.empty()) {
    auto home = environment("HOME");
    if (home.empty())
      return sealed("there is no home folder to keep the master key in; name "
                    "a file with CLOISTER_MASTER_KEY_FILE");
    base = home + "/.config";
  }
  return base + "/cloister/keys/" + store_id + ".key";
}

result<crypto::secret_key> read_master_key(const std::string& path) {
  auto fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return sealed("the master key file " + path
                  + " cannot be read; name the right one with "
                    "CLOISTER_MASTER_KEY_FILE");
  struct stat info;
  char text[key_digits];
  auto known = ::fstat(fd, &info) == 0;
  auto got = ::read(fd, text, sizeof text);
  ::close(fd);
  auto key = got == static_cast<ssize_t>(key_digits)
               ? from_hex({text, key_digits})
               : std::nullopt;
  crypto::wipe(text, sizeof text);
  if (!key || !known || !S_ISREG(info.st_mode))
    return sealed(path
                  + " is not a master key file; name the right one with "
                    "CLOISTER_MASTER_KEY_FILE");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    crypto::wipe(key->data(), key->size());
    return sealed("others may read the master key file " + path
                  + "; run `chmod 600 " + path + "`");
  }
  auto out = crypto::secret_key::from_bytes(*key);
  crypto::wipe(key->data(), key->size());
  return out;
}

result<void> write_master_key(const std::string& path,
                              const crypto::secret_key& key) {
  if (auto done = make_folders(path); done.has_error())
    return done;
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   S_IRUSR | S_IWUSR);
  if (fd < 0) {
    if (errno == EEXIST)
      return error{errc::conflict, "the key file " + path + " exists already"};
    return error{errc::unavailable, "cannot create the key file " + path};
  }
  auto text = to_hex(key.view()) + '\n';
  auto written = ::write(fd, text.data(), text.size());
  auto synced = ::fsync(fd) == 0;
  ::close(fd);
  crypto::wipe(text.data(), text.size());
  if (written != static_cast<ssize_t>(key_digits + 1) || !synced
      || !sync_folder(persistence::directory_of(path)))
    return error{errc::unavailable, "cannot write the key file " + path};
  return {};
}

} // namespace cloister
