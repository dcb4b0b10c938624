// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/list_cursor.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "crypto/hash.hpp"

namespace cloister {

namespace {

using path_hash = crypto::short_digest;

path_hash hash_of(const scope& name, std::string_view asked) {
  auto whole = crypto::hash({"list cursor", name.path(), asked});
  path_hash out;
  std::copy_n(whole.begin(), out.size(), out.begin());
  return out;
}

} // namespace

std::string make_cursor(const scope& next, std::string_view asked,
                        std::optional<std::uint64_t> after) {
  bytes data;
  byte_writer writer{data};
  writer.raw(hash_of(next, asked));
  writer.u64(after.value_or(0));
  return to_base32(data);
}

result<list_position> position_of(const std::optional<std::string>& cursor,
                                  const bindings& scopes,
                                  std::string_view asked) {
  list_position at;
  if (!cursor)
    return at;
  error foreign{
    errc::invalid_argument,
    "not a cursor of this list; give the options of the page before, or "
    "begin again without one"};
  auto data = from_base32(*cursor);
  path_hash wanted{};
  if (!data || data->size() != wanted.size() + sizeof(std::uint64_t))
    return foreign;
  byte_reader reader{*data};
  wanted = reader.array<wanted.size()>();
  if (auto after = reader.u64(); after != 0)
    at.after = after;
  auto found
    = std::find_if(scopes.begin(), scopes.end(), [&](const auto& each) {
        return hash_of(each->name(), asked) == wanted;
      });
  if (found == scopes.end())
    return foreign;
  at.scope = static_cast<std::size_t>(found - scopes.begin());
  return at;
}

} // namespace cloister
