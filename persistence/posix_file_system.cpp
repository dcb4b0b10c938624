// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/file_system.hpp"

#include <cerrno>
#include <set>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace cloister::persistence {

namespace {

constexpr std::size_t append_buffer_bytes = 64 * 1024;
constexpr mode_t private_file = S_IRUSR | S_IWUSR;

error failure(const char* what, const std::string& path) {
  auto number = errno;
  auto advice = number == EACCES || number == EPERM
                  ? "; see who owns it and who may use it"
                : number == EROFS  ? "; it must be writable"
                : number == ENOSPC ? "; free some space"
                                   : "";
  auto absent = number == ENOENT || number == ENOTDIR;
  return {absent ? errc::not_found : errc::unavailable,
          std::string{"cannot "} + what + ' ' + path + ": "
            + std::generic_category().message(number) + advice};
}

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int get() const {
    return fd_;
  }

private:
  int fd_;
};

class posix_appendable_file final : public appendable_file {
public:
  posix_appendable_file(int fd, std::string path)
    : file_(fd), path_(std::move(path)) {}

  ~posix_appendable_file() override {
    static_cast<void>(write_out(buffer_));
  }

  result<void> append(bytes_view data) override {
    if (buffer_.size() + data.size() <= append_buffer_bytes) {
      buffer_.append(data);
      return {};
    }
    if (auto done = flush(); done.has_error())
      return done;
    if (data.size() < append_buffer_bytes) {
      buffer_.append(data);
      return {};
    }
    return write_out(data);
  }

  result<void> flush() override {
    auto done = write_out(buffer_);
    buffer_.clear();
    return done;
  }

  result<void> sync() override {
    if (auto done = flush(); done.has_error())
      return done;
    if (::fdatasync(file_.get()) != 0)
      return failure("sync", path_);
    return {};
  }

  result<void> close() override {
    return flush();
  }

private:
  result<void> write_out(bytes_view data) {
    while (!data.empty()) {
      auto written = ::write(file_.get(), data.data(), data.size());
      if (written < 0) {
        if (errno == EINTR)
          continue;
        return failure("write", path_);
      }
      data.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  descriptor file_;
  std::string path_;
  bytes buffer_;
};

class posix_random_file final : public random_file {
public:
  posix_random_file(int fd, std::string path)
    : file_(fd), path_(std::move(path)) {}

  result<bytes_view> read(std::uint64_t offset, std::size_t size,
                          char* scratch) const override {
    std::size_t have = 0;
    while (have < size) {
      auto got = ::pread(file_.get(), scratch + have, size - have,
                         static_cast<off_t>(offset + have));
      if (got < 0) {
        if (errno == EINTR)
          continue;
        return failure("read", path_);
      }
      if (got == 0)
        break;
      have += static_cast<std::size_t>(got);
    }
    return bytes_view{scratch, have};
  }

  result<void> write(std::uint64_t offset, bytes_view data) override {
    while (!data.empty()) {
      auto written = ::pwrite(file_.get(), data.data(), data.size(),
                              static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR)
          continue;
        return failure("write", path_);
      }
      data.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  result<void> sync() override {
    if (::fdatasync(file_.get()) != 0)
      return failure("sync", path_);
    return {};
  }

  result<std::uint64_t> size() const override {
    struct stat info;
    if (::fstat(file_.get(), &info) != 0)
      return failure("look at", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

private:
  descriptor file_;
  std::string path_;
};

class posix_lock final : public file_lock {
public:
  explicit posix_lock(int fd) : file_(fd) {}

private:
  descriptor file_;
};

class posix_files final : public file_system {
public:
  result<std::unique_ptr<appendable_file>>
  create(const std::string& path) override {
    return appendable(path, O_TRUNC);
  }

  result<std::unique_ptr<appendable_file>>
  open_append(const std::string& path) override {
    return appendable(path, O_APPEND);
  }

  result<std::unique_ptr<random_file>> open_random(const std::string& path,
                                                   open_mode mode) override {
    auto flags = mode == open_mode::read_only ? O_RDONLY : O_RDWR | O_CREAT;
    auto fd = ::open(path.c_str(), flags | O_CLOEXEC, private_file);
    if (fd < 0)
      return failure("open", path);
    return std::make_unique<posix_random_file>(fd, path);
  }

  bool exists(const std::string& path) override {
    return ::access(path.c_str(), F_OK) == 0;
  }

  result<std::vector<std::string>> list(const std::string& path) override {
    std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(path.c_str()),
                                            ::closedir};
    if (!dir)
      return failure("list", path);
    std::vector<std::string> names;
    // One directory stream is used by this thread alone.
    while (auto entry = ::readdir(dir.get())) { // NOLINT(concurrency-mt-unsafe)
      std::string name{entry->d_name};
      if (name != "." && name != "..")
        names.push_back(std::move(name));
    }
    return names;
  }

  result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0)
      return failure("remove", path);
    return {};
  }

  result<void> make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST)
      return failure("create", path);
    return {};
  }

  result<void> remove_directory(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0)
      return failure("remove", path);
    return {};
  }

  result<std::uint64_t> file_size(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0)
      return failure("look at", path);
    return static_cast<std::uint64_t>(info.st_size);
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return failure("rename", from);
    return {};
  }

  result<void> sync_directory(const std::string& path) override {
    descriptor dir{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (dir.get() < 0 || ::fsync(dir.get()) != 0)
      return failure("sync", path);
    return {};
  }

  result<std::unique_ptr<file_lock>> lock(const std::string& path) override {
    auto fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file);
    if (fd < 0)
      return failure("open", path);
    auto held = std::make_unique<posix_lock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK)
        return error{errc::conflict, "somebody else holds " + path};
      return failure("lock", path);
    }
    return std::unique_ptr<file_lock>{std::move(held)};
  }

  result<std::uint64_t> free_space(const std::string& path) override {
    struct statvfs info;
    if (::statvfs(path.c_str(), &info) != 0)
      return failure("look at", path);
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }

  result<void> preallocate(const std::string& path,
                           std::uint64_t size) override {
    descriptor file{
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file)};
    if (file.get() < 0)
      return failure("open", path);
    auto status = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size));
    if (status != 0) {
      errno = status;
      return failure("reserve", path);
    }
    return {};
  }

private:
  static result<std::unique_ptr<appendable_file>>
  appendable(const std::string& path, int flag) {
    auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flag,
                     private_file);
    if (fd < 0)
      return failure("open", path);
    return std::make_unique<posix_appendable_file>(fd, path);
  }
};

} // namespace

std::shared_ptr<file_system> posix_file_system() {
  static const auto instance = std::make_shared<posix_files>();
  return instance;
}

} // namespace cloister::persistence
