// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/checkpoint_command.hpp"

#include <array>
#include <csignal>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace cloister {

namespace {

/// How often it is looked whether the command has ended.
constexpr std::chrono::milliseconds look_interval{10};

class owned_file {
public:
  explicit owned_file(int number) : number_(number) {}
  owned_file(const owned_file&) = delete;
  owned_file& operator=(const owned_file&) = delete;
  ~owned_file() {
    if (number_ >= 0)
      ::close(number_);
  }
  int number() const {
    return number_;
  }

private:
  int number_;
};

error not_started() {
  return {errc::unavailable, "it could not be started"};
}

/// In memory: with a pipe, a command that does not read would keep us waiting,
/// and one that has ended would send us a signal.
bool fill(const owned_file& file, std::string_view text) {
  while (!text.empty()) {
    auto written = ::write(file.number(), text.data(), text.size());
    if (written < 0 && errno != EINTR)
      return false;
    if (written > 0)
      text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::lseek(file.number(), 0, SEEK_SET) == 0;
}

/// In a process group of its own, so that all of it can be ended; with the
/// signals as a shell expects them.
std::optional<pid_t> spawn(const std::string& command,
                           const owned_file& input) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.number(), STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                     O_WRONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::string shell = "sh";
  std::string flag = "-c";
  auto text = command;
  std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(),
                                 nullptr};
  pid_t process = -1;
  auto failed = ::posix_spawn(&process, "/bin/sh", &actions, &attributes,
                              arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? std::optional{process} : std::nullopt;
}

/// How it ended; nothing if it was killed.
std::optional<int> wait_for_end(pid_t process,
                                const command_patience& patience) {
  auto until = std::chrono::steady_clock::now() + patience.at_most;
  int status = 0;
  for (;;) {
    auto ended = ::waitpid(process, &status, WNOHANG);
    if (ended == process)
      return status;
    auto lost = ended < 0 && errno != EINTR;
    if (lost || std::chrono::steady_clock::now() >= until
        || (patience.must_stop && patience.must_stop()))
      break;
    std::this_thread::sleep_for(look_interval);
  }
  ::kill(-process, SIGKILL);
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return std::nullopt;
}

} // namespace

result<void> give_to_command(const std::string& command, std::string_view text,
                             const command_patience& patience) {
  owned_file input{::memfd_create("cloister", MFD_CLOEXEC)};
  if (input.number() < 0 || !fill(input, text))
    return not_started();
  auto process = spawn(command, input);
  if (!process)
    return not_started();
  auto status = wait_for_end(*process, patience);
  if (!status)
    return error{errc::unavailable, "it was not done in time, and was ended"};
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0)
    return {};
  return error{errc::unavailable,
               WIFEXITED(*status)
                 ? "it ended with code " + std::to_string(WEXITSTATUS(*status))
                 : "it was ended by a signal"};
}

} // namespace cloister
