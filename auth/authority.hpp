// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/api_key.hpp"
#include "auth/permission.hpp"
#include "auth/revocations.hpp"

namespace cloister::auth {

/// Names one request in answers, logs and the audit trail.
using request_id = std::array<std::uint8_t, 16>;

request_id make_request_id();

/// Who acts. The values are part of the audit format: never renumber.
enum class principal_kind : std::uint8_t {
  /// Whoever opened the data directory with its master key.
  operator_ = 1,
  /// The holder of an API key.
  key = 2,
  /// The runtime itself: expiry, restarts.
  system = 3,
  /// Nobody who could prove to be anyone.
  anonymous = 4,
};

/// What a principal may do, as established once when it authenticated. Travels
/// with every message; immutable but for the revocation flag.
struct authority {
  principal_kind kind = principal_kind::anonymous;
  key_id id{};
  /// The author's name in memories: the key's label, else its id.
  std::string name;
  scope root;
  permission_set permissions;
  ancestor_bound ancestors;
  std::optional<timestamp> expires_at;
  std::optional<scope> promote_to;
  /// Of the key and of each step of its narrowing; shared with whoever else
  /// holds them, and set on revocation.
  std::vector<revocation_flag> revoked;
  /// What a narrowed key went through, step by step.
  std::vector<crypto::short_digest> narrowings;
  /// Names all that is done with this; each operation has one of its own if
  /// absent.
  std::optional<request_id> request = {};
};

using authority_ptr = std::shared_ptr<const authority>;

/// The name of what is done next with this authority.
request_id make_request_id(const authority& who);

/// Full authority below a root, for the embedding program and the operator.
authority_ptr operator_authority(scope root);

/// The runtime's own authority inside one organization.
authority_ptr system_authority(scope root);

/// What a key's record allows.
authority key_authority(const key_record& record);

/// An allowed operation on one scope. Only `decide` makes one; whoever
/// executes it asserts that it is for this scope and this operation.
class grant {
public:
  const authority& who() const {
    return *who_;
  }
  const authority_ptr& who_ptr() const {
    return who_;
  }
  operation what() const {
    return what_;
  }
  const scope& target() const {
    return target_;
  }
  const request_id& request() const {
    return request_;
  }

private:
  friend result<grant> decide(const authority_ptr&, operation, const scope&,
                              timestamp, const request_id&);
  grant(authority_ptr who, operation what, scope target,
        const request_id& request)
    : who_(std::move(who)),
      what_(what),
      target_(std::move(target)),
      request_(request) {}

  authority_ptr who_;
  operation what_;
  scope target_;
  request_id request_;
};

/// The one place where it is decided whether a principal may do something.
/// Fails with `unauthenticated` for a revoked or expired key and with
/// `forbidden` otherwise; the sentence is the audit entry's reason.
result<grant> decide(const authority_ptr& who, operation what,
                     const scope& target, timestamp now,
                     const request_id& request);

/// A scope that need not lie below the root: named in full, or like a user_id
/// below the root or else below the organization.
result<scope> named_scope(const scope& root, std::string_view name);

/// What is left of a wish to read ancestors for somebody who gets authority
/// from `who`: no more than that may read.
ancestor_bound ancestors_within(const authority& who, ancestor_bound wanted);

/// Whether the principal could write a copy to that scope.
bool may_write_to(const authority& who, const scope& target);

/// Whether the key may read this ancestor with `visibility: inherited`.
bool may_inherit_from(const authority& who, const scope& ancestor);

} // namespace cloister::auth
