// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/audit_chain.hpp"

#include "core/encoding.hpp"

namespace cloister::auth {

namespace {

constexpr std::uint8_t link_version = 1;

} // namespace

crypto::digest first_head(bytes_view scope_tag) {
  return crypto::hash({"cloister audit chain", scope_tag});
}

crypto::digest next_head(const crypto::digest& previous, std::uint64_t index,
                         bytes_view sealed) {
  bytes number;
  byte_writer{number}.u64(index);
  return crypto::hash({view_of(previous), number, sealed});
}

bytes encode_link(const crypto::digest& previous, bytes_view sealed) {
  bytes out;
  out.reserve(1 + previous.size() + sealed.size());
  byte_writer writer{out};
  writer.u8(link_version);
  writer.raw(previous);
  writer.raw(sealed);
  return out;
}

result<audit_link> decode_link(std::uint64_t index, bytes_view value) {
  byte_reader reader{value};
  if (reader.u8() != link_version)
    return error{errc::corrupted, "an audit link has an unknown version"};
  audit_link link;
  link.index = index;
  link.previous = reader.array<32>();
  link.sealed = bytes{reader.rest()};
  if (!reader.ok())
    return error{errc::corrupted, "an audit link is malformed"};
  return link;
}

bytes audit_context(bytes_view scope_tag) {
  bytes out{"audit entry"};
  out.append(scope_tag);
  return out;
}

bool chain_verifier::follow(const audit_link& link) {
  if (!intact_ || link.index != length_ || link.previous != head_) {
    intact_ = false;
    return false;
  }
  head_ = next_head(head_, link.index, link.sealed);
  ++length_;
  return true;
}

std::size_t first_broken_link(bytes_view scope_tag,
                              std::span<const audit_link> links) {
  chain_verifier verifier{scope_tag};
  for (std::size_t i = 0; i < links.size(); ++i)
    if (!verifier.follow(links[i]))
      return i;
  return links.size();
}

} // namespace cloister::auth
