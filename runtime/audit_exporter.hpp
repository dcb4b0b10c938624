// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <set>

#include "runtime/audit_export.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

/// Writes an export, chain by chain.
class audit_exporter {
public:
  /// Asks for some entries of a chain.
  using reader
    = std::function<call<engine::exported_page>(engine::export_chain wanted)>;

  audit_exporter(audit_line_sink sink, audit_checkpoint until)
    : sink_(std::move(sink)), until_(std::move(until)) {}

  /// Writes the chain with a tag as far as it went, and those that it says
  /// ended.
  call<bool> write(reader ask, persistence::scope_tag tag,
                   std::uint64_t length);

  /// Writes the last line.
  call<audit_export_summary> finish(const crypto::secret_key& seed);

  const audit_checkpoint& until() const {
    return until_;
  }

private:
  struct wanted_chain {
    persistence::scope_tag tag{};
    std::uint64_t length = 0;
    std::optional<persistence::scope_tag> former = {};
  };
  using told_ends
    = std::map<persistence::scope_tag, std::pair<std::uint64_t, wanted_chain>>;
  static void note_ends(const engine::exported_entry& entry,
                        const wanted_chain& teller, told_ends& ended);
  /// False if nobody wants more.
  bool put(const std::string& line);
  call<bool> write_one(reader ask, wanted_chain chain,
                       std::vector<wanted_chain>& ended);

  audit_line_sink sink_;
  audit_checkpoint until_;
  std::set<persistence::scope_tag> written_;
  std::uint64_t lines_ = 0;
  std::uint64_t entries_ = 0;
  crypto::digest digest_{};
};

} // namespace cloister
