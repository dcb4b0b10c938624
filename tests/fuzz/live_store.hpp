// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdlib>
#include <string>

#include "runtime/runtime.hpp"

namespace cloister::fuzz {

/// A store for a fuzzer's process, with one organization.
struct live_store {
  std::string dir = make_dir();
  runtime opened = runtime::open(options()).value();
  new_key key = opened.create_organization("org_acme").value();

  static live_store& of_process() {
    // Never destroyed: the process ends anyhow, and may at any time.
    static auto& store = *new live_store;
    return store;
  }

  /// Called with each input: what was stored must not make later ones slow.
  void tidy() {
    constexpr int inputs_between = 10'000;
    if (++inputs_ % inputs_between != 0)
      return;
    auto root = opened.client(key.api_key, "").value();
    auto names = root.find_scopes();
    if (!names)
      return;
    for (const auto& name : *names)
      if (auto bound = opened.client(key.api_key, name.path()))
        static_cast<void>(bound->delete_all_memories());
  }

private:
  int inputs_ = 0;

  static std::string make_dir() {
    // In memory, if there is such a place: nothing of it is kept.
    for (std::string name :
         {"/dev/shm/cloister-fuzz-XXXXXX", "/tmp/cloister-fuzz-XXXXXX"})
      if (::mkdtemp(name.data()) != nullptr)
        return name;
    std::abort();
  }
  runtime_options options() const {
    runtime_options out;
    out.data_dir = dir + "/data";
    out.master_key_file = dir + "/key";
    return out;
  }
};

} // namespace cloister::fuzz
