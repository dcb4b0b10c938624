// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_names.hpp"

#include <algorithm>

namespace cloister::server::mem0 {

namespace {

constexpr std::string_view digits = "0123456789ABCDEF";

bool is_plain(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z')
         || (letter >= '0' && letter <= '9')
         || std::string_view{"._~@:+-|="}.find(letter)
              != std::string_view::npos;
}

} // namespace

const std::array<entity_kind, 4> entity_kinds{
  {{"user_id", "user", "user_", &entity_ids::user},
   {"agent_id", "agent", "agent_", &entity_ids::agent},
   {"app_id", "app", "app_", &entity_ids::app},
   {"run_id", "run", "session_", &entity_ids::run}}};

std::string encoded_name(std::string_view id) {
  std::string out;
  auto only_dots = id == "." || id == "..";
  for (auto letter : id) {
    if (is_plain(letter) && !only_dots) {
      out.push_back(letter);
      continue;
    }
    auto octet = static_cast<unsigned char>(letter);
    out.push_back('%');
    out.push_back(digits[octet / 16]);
    out.push_back(digits[octet % 16]);
  }
  return out;
}

std::string decoded_name(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    auto high = i + 2 < name.size() ? digits.find(name[i + 1]) : digits.npos;
    auto low = i + 2 < name.size() ? digits.find(name[i + 2]) : digits.npos;
    if (name[i] != '%' || high == digits.npos || low == digits.npos) {
      out.push_back(name[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

result<std::string> user_id_of(const entity_ids& ids) {
  if (ids.is_empty())
    return error{errc::invalid_argument,
                 "at least one of user_id, agent_id, app_id and run_id is "
                 "needed"};
  if (ids.agent && ids.app)
    return error{errc::invalid_argument,
                 "agent_id and app_id do not go together here: a memory "
                 "belongs to one of them"};
  std::string out;
  for (const auto& kind : entity_kinds)
    if (const auto& id = ids.*kind.of)
      out += (out.empty() ? "" : "/") + std::string{kind.segment}
             + encoded_name(*id);
  return out;
}

entity_ids ids_in(const scope& name) {
  entity_ids out;
  for (auto segment : name.segments())
    for (const auto& kind : entity_kinds)
      if (segment.starts_with(kind.segment) && segment != own_segment)
        out.*kind.of = decoded_name(segment.substr(kind.segment.size()));
  return out;
}

} // namespace cloister::server::mem0
