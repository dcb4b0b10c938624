// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/machine.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sys/utsname.h>

namespace cloister::bench {

namespace {

/// The rest of the first line of a file that starts with `name` and a colon.
std::string field(const char* path, std::string_view name) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name))
      continue;
    auto colon = line.find(':');
    auto value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "unknown";
}

bool lies_below(const std::string& path, const std::string& mount) {
  return mount == "/" || path == mount || path.starts_with(mount + '/');
}

std::string file_system_of(const std::string& path) {
  std::ifstream mounts{"/proc/self/mounts"};
  std::string best;
  std::string found = "unknown";
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words{line};
    std::string device;
    std::string mount;
    std::string type;
    words >> device >> mount >> type;
    if (!lies_below(path, mount) || mount.size() < best.size())
      continue;
    best = mount;
    found = type + " (" + device + ")";
  }
  return found;
}

std::string kernel() {
  utsname names{};
  if (::uname(&names) != 0)
    return "unknown";
  return std::string{names.sysname} + ' ' + names.release;
}

} // namespace

machine this_machine(const std::string& data_dir) {
  auto path = std::filesystem::canonical(data_dir).string();
  return {field("/proc/cpuinfo", "model name"),
          std::thread::hardware_concurrency(), kernel(), path,
          file_system_of(path)};
}

std::size_t resident_bytes() {
  constexpr std::size_t kib = 1024;
  std::istringstream value{field("/proc/self/status", "VmRSS")};
  std::size_t amount = 0;
  value >> amount;
  return amount * kib;
}

} // namespace cloister::bench
