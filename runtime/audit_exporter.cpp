// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/audit_exporter.hpp"

#include "core/encoding.hpp"
#include "runtime/export_lines.hpp"
#include "runtime/signing.hpp"

namespace cloister {

namespace {

error stopped() {
  return {errc::unavailable, "the export was stopped"};
}

} // namespace

bool audit_exporter::put(const std::string& line) {
  if (!sink_(line))
    return false;
  digest_ = next_digest(digest_, line);
  ++lines_;
  return true;
}

/// Of one that is told to have ended twice the last counts.
void audit_exporter::note_ends(const engine::exported_entry& entry,
                               const wanted_chain& teller, told_ends& ended) {
  auto note = [&](const auth::audit_entry& what, std::uint64_t index) {
    if (!what.ended || *what.ended == persistence::scope_tag{} || !what.anchor)
      return;
    auto& known = ended[*what.ended];
    if (index < known.first)
      return;
    known
      = {index,
         {*what.ended, what.anchor->length,
          teller.former ? teller.former : what.wanted.value_or(*what.ended)}};
  };
  static_cast<void>(auth::visit_told(entry.line.entry, entry.link.index, note));
}

call<bool> audit_exporter::write_one(reader ask, wanted_chain chain,
                                     std::vector<wanted_chain>& ended) {
  auto name = to_hex(view_of(chain.tag));
  told_ends told;
  for (std::uint64_t next = 0; next < chain.length;) {
    auto asking
      = ask(engine::export_chain{chain.tag, next, chain.length, chain.former});
    auto page = co_await asking;
    if (page.has_error())
      co_return page.error();
    if (page->stub && !put(stub_line(*page->stub)))
      co_return stopped();
    // Whoever verifies is told by what is missing.
    if (page->entries.empty())
      break;
    for (auto& entry : page->entries) {
      note_ends(entry, chain, told);
      if (!put(export_line(entry, to_audit_record(entry.line), name)))
        co_return stopped();
      ++entries_;
    }
    next = page->entries.back().link.index + 1;
  }
  for (auto& [tag, end] : told)
    ended.push_back(std::move(end.second));
  co_return true;
}

call<bool> audit_exporter::write(reader ask, persistence::scope_tag tag,
                                 std::uint64_t length) {
  std::vector<wanted_chain> left{{tag, length}};
  while (!left.empty()) {
    auto chain = left.back();
    left.pop_back();
    if (!written_.insert(chain.tag).second)
      continue;
    auto done = co_await write_one(ask, chain, left);
    if (done.has_error())
      co_return done.error();
  }
  co_return true;
}

call<audit_export_summary>
audit_exporter::finish(const crypto::secret_key& seed) {
  // What was erased meanwhile was not written, and is not told of.
  std::erase_if(until_.chains, [this](const auto& chain) {
    auto tag = from_hex(chain.tag);
    return !tag || !written_.contains(byte_reader{*tag}.array<16>());
  });
  sign(until_, seed);
  auto line = last_line(lines_, digest_, until_, seed);
  if (!sink_(line))
    co_return stopped();
  co_return audit_export_summary{entries_, written_.size()};
}

} // namespace cloister
