// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/revocation_reason.hpp"

#include "core/encoding.hpp"
#include "core/rfc3339.hpp"

namespace cloister::engine {

namespace {

constexpr std::string_view until = " until ";

} // namespace

std::string
revocation_reason(const auth::key_id& id,
                  const std::optional<crypto::short_digest>& narrowing,
                  const std::optional<timestamp>& expires_at) {
  if (!narrowing)
    return auth::to_string(id);
  auto reason = auth::to_string(id, *narrowing);
  if (expires_at)
    reason.append(until).append(to_rfc3339(*expires_at));
  return reason;
}

std::optional<auth::key_record::revoked_narrowing>
revoked_narrowing_in(std::string_view reason) {
  auto slash = reason.find('/');
  if (slash == std::string_view::npos)
    return std::nullopt;
  reason.remove_prefix(slash + 1);
  auto end = reason.find(until);
  auto name = from_hex(reason.substr(0, end));
  if (!name || name->size() != crypto::short_digest{}.size())
    return std::nullopt;
  auth::key_record::revoked_narrowing out{byte_reader{*name}.array<16>(), {}};
  if (end == std::string_view::npos)
    return out;
  if (auto at = parse_rfc3339(reason.substr(end + until.size())))
    out.expires_at = *at;
  return out;
}

} // namespace cloister::engine
