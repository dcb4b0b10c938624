// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/passphrase.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace cloister::cli {

namespace {

constexpr std::size_t passphrase_bytes_max = 1024;

/// The terminal with its echo off, as long as it lives.
class silent_terminal {
public:
  silent_terminal() : file_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (file_ < 0 || ::tcgetattr(file_, &before_) != 0)
      return;
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_silent_ = ::tcsetattr(file_, TCSAFLUSH, &silent) == 0;
  }
  silent_terminal(const silent_terminal&) = delete;
  silent_terminal& operator=(const silent_terminal&) = delete;
  ~silent_terminal() {
    if (is_silent_)
      ::tcsetattr(file_, TCSAFLUSH, &before_);
    if (file_ >= 0)
      ::close(file_);
  }

  bool is_silent() const {
    return is_silent_;
  }
  void print(const std::string& text) const {
    static_cast<void>(::write(file_, text.data(), text.size()) < 0);
  }
  std::string line() const {
    std::string out;
    char next = 0;
    while (out.size() < passphrase_bytes_max && ::read(file_, &next, 1) == 1
           && next != '\n')
      out += next;
    return out;
  }

private:
  int file_;
  termios before_{};
  bool is_silent_ = false;
};

} // namespace

namespace {

/// Where there is no terminal a variable has to be set.
result<std::string> ask(const std::string& prompt,
                        const std::string& variable) {
  silent_terminal terminal;
  if (!terminal.is_silent())
    return error{errc::sealed, "a passphrase is needed, and there is no "
                               "terminal to ask at; set "
                                 + variable};
  terminal.print(prompt);
  auto out = terminal.line();
  terminal.print("\n");
  return out;
}

} // namespace

result<std::string> ask_passphrase(const std::string& prompt) {
  return ask(prompt, "CLOISTER_PASSPHRASE");
}

result<master_key_source> with_passphrase(const master_key_source& given,
                                          const std::string& data_dir) {
  if (!needs_passphrase(given, data_dir))
    return given;
  auto typed = ask_passphrase("Passphrase of " + data_dir + ": ");
  if (typed.has_error())
    return typed.error();
  auto out = given;
  out.passphrase = std::move(*typed);
  return out;
}

result<std::string> new_passphrase(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  if (auto set = std::getenv(variable); set && *set != '\0')
    return std::string{set};
  else if (set)
    return error{errc::invalid_argument, std::string{variable}
                                           + " is set, but empty; set it, or "
                                             "unset it"};
  auto typed = ask("New passphrase: ", variable);
  if (typed.has_error())
    return typed;
  auto again = ask("Once more: ", variable);
  if (again.has_error())
    return again;
  if (*typed != *again)
    return error{errc::invalid_argument, "the two are not the same; try again"};
  return typed;
}

} // namespace cloister::cli
