// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "crypto/hash.hpp"

namespace cloister::auth {

// A scope's audit entries form a hash chain over their sealed bytes, so that it
// verifies without any key.
//
//   value := version:u8 previous:32 sealed
//   head(0)     = BLAKE2b-256("cloister audit chain" tag)
//   head(i + 1) = BLAKE2b-256(head(i) index:be64 sealed)
//
// `previous` is head(i), where i is the entry's index from 0.

/// One entry as it is stored or exported.
struct audit_link {
  std::uint64_t index = 0;
  crypto::digest previous{};
  bytes sealed;
};

/// The head of an empty chain.
crypto::digest first_head(bytes_view scope_tag);

/// The head after an entry.
crypto::digest next_head(const crypto::digest& previous, std::uint64_t index,
                         bytes_view sealed);

bytes encode_link(const crypto::digest& previous, bytes_view sealed);
/// Fails with `corrupted`.
result<audit_link> decode_link(std::uint64_t index, bytes_view value);

/// The context under which an entry is sealed.
bytes audit_context(bytes_view scope_tag);

/// Checks a chain as it is read, link by link. Pure: no keys, no I/O.
class chain_verifier {
public:
  explicit chain_verifier(bytes_view scope_tag)
    : head_(first_head(scope_tag)) {}
  /// Goes on with a chain of which entries were pruned.
  chain_verifier(std::uint64_t length, const crypto::digest& head)
    : head_(head), length_(length) {}

  /// Whether `link` follows what was seen before. After a break, later links
  /// are not trusted.
  bool follow(const audit_link& link);

  std::uint64_t length() const {
    return length_;
  }
  const crypto::digest& head() const {
    return head_;
  }
  bool intact() const {
    return intact_;
  }

private:
  crypto::digest head_;
  std::uint64_t length_ = 0;
  bool intact_ = true;
};

/// The index of the first link that does not follow its predecessor, or
/// `links.size()` if the chain is intact.
std::size_t first_broken_link(bytes_view scope_tag,
                              std::span<const audit_link> links);

} // namespace cloister::auth
