// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/key_command.hpp"

#include <array>
#include <chrono>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/random.hpp"

extern char** environ;

namespace cloister {

namespace {

constexpr std::size_t printed_bytes_max = 4096;
constexpr std::chrono::seconds patience{30};

/// A command that runs, and the end of its output to read from.
struct running_command {
  pid_t process = -1;
  int output = -1;
};

result<running_command> spawn(const std::string& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return error{errc::unavailable, "it could not be started"};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string shell = "sh";
  std::string flag = "-c";
  auto text = command;
  std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(),
                                 nullptr};
  running_command out{-1, ends[0]};
  auto failed = ::posix_spawn(&out.process, "/bin/sh", &actions, nullptr,
                              arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(out.output);
    return error{errc::unavailable, "it could not be started"};
  }
  return out;
}

/// Reads to the end; false if that takes too long or is too much.
bool read_all(int from, bytes& out) {
  auto until = std::chrono::steady_clock::now() + patience;
  while (out.size() <= printed_bytes_max) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
    pollfd waiting{from, POLLIN, 0};
    if (left.count() <= 0
        || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0)
      return false;
    std::array<char, 1024> some;
    auto got = ::read(from, some.data(), some.size());
    if (got > 0)
      out.append(some.data(), static_cast<std::size_t>(got));
    crypto::wipe(some.data(), some.size());
    if (got == 0)
      return true;
    if (got < 0 && errno != EINTR)
      return false;
  }
  return false;
}

} // namespace

result<bytes> output_of_command(const std::string& command) {
  auto running = spawn(command);
  if (running.has_error())
    return running.error();
  bytes out;
  // No copy stays behind where it grows.
  out.reserve(2 * printed_bytes_max);
  auto whole = read_all(running->output, out);
  ::close(running->output);
  if (!whole)
    ::kill(running->process, SIGKILL);
  int status = 0;
  while (::waitpid(running->process, &status, 0) < 0 && errno == EINTR) {
  }
  if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return out;
  crypto::wipe(out.data(), out.size());
  if (!whole)
    return error{errc::unavailable, "it printed too much, or took longer than "
                                    "30 seconds"};
  return error{errc::unavailable,
               WIFEXITED(status)
                 ? "it ended with code " + std::to_string(WEXITSTATUS(status))
                 : "it was ended by a signal"};
}

} // namespace cloister
