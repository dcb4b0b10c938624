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

std::vector<std::uint64_t> filter_verdicts::admitted() const {
  std::vector<std::uint64_t> out;
  for (const auto& each : verdicts_)
    if (each.admitted)
      out.push_back(each.sequence);
  return out;
}

result<void> filter_scan::look_at(const persistence::record_source& records,
                                  bytes_view key, bytes_view sealed) {
  auto sequence = byte_reader{persistence::rest_of(key)}.u64();
  auto record = open_record(*identity_, key, sealed);
  // It may have been moved to another data key since its page was read.
  if (record.has_error())
    record = read_memory_record(records, *identity_, sequence);
  if (record.has_error())
    return record.error();
  auto value = persistence::decode_memory(*record);
  if (value.has_error())
    return value.error();
  verdicts_.add(sequence, value->revision, admits_(*value));
  next_.clear();
  byte_writer{next_}.u64(sequence + 1);
  return {};
}

result<bool> filter_scan::read_on(const persistence::record_source& records,
                                  const std::function<bool()>& must_pause) {
  result<void> failure;
  bool paused = false;
  auto range = identity_->space().range(persistence::record_kind::memory);
  auto done
    = records.scan(range, next_, [&](bytes_view key, bytes_view sealed) {
        failure = look_at(records, key, sealed);
        paused = failure && must_pause();
        return failure && !paused;
      });
  if (done.has_error())
    return done.error();
  if (failure.has_error())
    return failure.error();
  return !paused;
}

} // namespace cloister::engine
