// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/filter_scan.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "engine/stored_records.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

std::optional<bool> filter_verdicts::of(std::uint64_t sequence,
                                        std::uint32_t revision) const {
  auto found = std::lower_bound(verdicts_.begin(), verdicts_.end(), sequence,
                                [](const verdict& each, std::uint64_t wanted) {
                                  return each.sequence < wanted;
                                });
  if (found == verdicts_.end() || found->sequence != sequence
      || found->revision != revision)
    return std::nullopt;
  return found->admitted;
}

result<filter_verdicts> scan_filter(const persistence::store& records,
                                    const persistence::scope_identity& identity,
                                    const memory_filter& filter) {
  filter_verdicts out;
  result<void> failure;
  auto visit = [&](bytes_view key, bytes_view sealed) -> result<void> {
    auto record = open_record(identity, key, sealed);
    if (record.has_error())
      return record.error();
    auto value = persistence::decode_memory(*record);
    if (value.has_error())
      return value.error();
    out.add(byte_reader{persistence::rest_of(key)}.u64(), value->revision,
            filter.matches(*value));
    return {};
  };
  auto done
    = records.scan(identity.space().range(persistence::record_kind::memory), {},
                   [&](bytes_view key, bytes_view sealed) {
                     failure = visit(key, sealed);
                     return failure.has_value();
                   });
  if (done.has_error())
    return done.error();
  if (failure.has_error())
    return failure.error();
  return out;
}

} // namespace cloister::engine
