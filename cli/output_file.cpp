// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/output_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cloister::cli {

output_file::output_file(std::string path)
  : path_(std::move(path)), partial_(path_ + ".partial") {}

output_file::~output_file() {
  if (file_ == nullptr || file_ == stdout)
    return;
  std::fclose(file_);
  ::unlink(partial_.c_str());
}

result<void> output_file::open() {
  if (path_ == "-") {
    file_ = stdout;
    return {};
  }
  // The export takes the file's place: a device, a pipe or a link would be
  // gone.
  struct stat there {};
  if (::lstat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return error{errc::invalid_argument,
                 path_
                   + " is no regular file; name another, or give - for "
                     "standard output"};
  constexpr mode_t owner_only = 0600;
  // Of an export that was cut off; nobody else's file is written into.
  ::unlink(partial_.c_str());
  auto descriptor
    = ::open(partial_.c_str(),
             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, owner_only);
  if (descriptor < 0)
    return failed();
  file_ = ::fdopen(descriptor, "w");
  if (file_ == nullptr) {
    ::close(descriptor);
    return failed();
  }
  return {};
}

result<void> output_file::write(const std::string& line) {
  if (std::fputs(line.c_str(), file_) < 0 || std::fputc('\n', file_) < 0)
    return failed();
  return {};
}

result<void> output_file::finish() {
  if (std::fflush(file_) != 0)
    return failed();
  if (file_ == stdout)
    return {};
  auto done = ::fsync(::fileno(file_)) == 0;
  done = std::fclose(file_) == 0 && done;
  file_ = nullptr;
  if (!done || ::rename(partial_.c_str(), path_.c_str()) != 0)
    return failed();
  return {};
}

error output_file::failed() const {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread writes.
  std::string why = std::strerror(errno);
  return {errc::unavailable, path_ + " cannot be written: " + why};
}

} // namespace cloister::cli
