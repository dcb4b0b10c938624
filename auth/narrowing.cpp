// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/narrowing.hpp"

#include <algorithm>
#include <utility>

#include "core/encoding.hpp"
#include "core/limits.hpp"

namespace cloister::auth {

namespace {

/// The values are part of the format: never renumber, only append.
enum class part : std::uint8_t {
  scope = 1,
  permissions = 2,
  expires = 3,
  issued = 4,
  ancestors = 5,
  promote_to = 6,
};

error void_key(std::string_view why) {
  return {errc::unauthenticated,
          "the API key was narrowed to " + std::string{why}
            + "; narrow it anew from one that can do that"};
}

class body_writer {
public:
  void text(part which, const std::optional<std::string>& value) {
    if (value)
      put(which, *value);
  }
  void time(part which, const std::optional<timestamp>& value) {
    if (!value)
      return;
    bytes encoded;
    byte_writer{encoded}.i64(value->milliseconds);
    put(which, encoded);
  }
  void put(part which, bytes_view value) {
    byte_writer writer{body_};
    writer.u8(static_cast<std::uint8_t>(which));
    writer.u16(static_cast<std::uint16_t>(value.size()));
    writer.raw(value);
  }
  bytes take() {
    return std::move(body_);
  }

private:
  bytes body_;
};

/// Whether one part of a restriction could be read, and was not there before.
bool read_part(restriction& to, part which, bytes_view value) {
  auto text = [value](std::optional<std::string>& field) {
    return !std::exchange(field, std::string{value});
  };
  auto time = [value](std::optional<timestamp>& field) {
    byte_reader reader{value};
    auto at = timestamp{reader.i64()};
    return reader.complete() && !std::exchange(field, at);
  };
  switch (which) {
    case part::scope:
      return text(to.scope);
    case part::permissions:
      return value.size() == 1
             && !std::exchange(
               to.permissions,
               permission_set::from_bits(static_cast<std::uint8_t>(value[0])));
    case part::expires:
      return time(to.expires_at);
    case part::issued:
      return time(to.issued_at);
    case part::ancestors:
      return text(to.ancestors);
    case part::promote_to:
      return text(to.promote_to);
  }
  return false;
}

/// Whether a text could name a scope below some root.
result<void> check_name(std::string_view name) {
  auto full = name.starts_with("org_") ? std::string{name}
                                       : "org_x/" + std::string{name};
  auto parsed = scope::parse(full);
  return parsed ? result<void>{} : parsed.error();
}

result<void> check(const restriction& step) {
  if (step.permissions && step.permissions->empty())
    return error{errc::invalid_argument, "at least one permission is needed"};
  for (const auto* name : {&step.scope, &step.promote_to})
    if (*name)
      if (auto good = check_name(**name); good.has_error())
        return good;
  if (step.ancestors && *step.ancestors != "all" && *step.ancestors != "none")
    return check_name(*step.ancestors);
  return {};
}

/// The ancestors that a step asks for, for somebody rooted at `root`. What is
/// none of them asks for none.
ancestor_bound asked_for(const scope& root,
                         const std::optional<std::string>& wanted) {
  using kind = ancestor_bound::kind;
  if (!wanted || *wanted == "all")
    return {kind::all, {}};
  auto named = named_scope(root, *wanted);
  if (named.has_error() || !named->contains(root))
    return {kind::none, {}};
  return {kind::up_to, *named};
}

} // namespace

bytes encode_restriction(const restriction& step) {
  body_writer body;
  body.text(part::scope, step.scope);
  if (step.permissions)
    body.put(part::permissions,
             bytes(1, static_cast<char>(step.permissions->bits())));
  body.time(part::expires, step.expires_at);
  body.time(part::issued, step.issued_at);
  body.text(part::ancestors, step.ancestors);
  body.text(part::promote_to, step.promote_to);
  return body.take();
}

result<restriction> decode_restriction(bytes_view body) {
  error unknown{errc::unauthenticated,
                "the API key was narrowed in a way that is not known here; "
                "use a newer version of Cloister, or another key"};
  byte_reader reader{body};
  restriction step;
  while (!reader.rest().empty()) {
    auto which = static_cast<part>(reader.u8());
    auto value = reader.raw(reader.u16());
    if (!reader.ok() || !read_part(step, which, value))
      return unknown;
  }
  return step;
}

result<std::string> narrow_api_key(std::string_view text,
                                   const restriction& step) {
  auto key = parse_api_key(text);
  if (key.has_error())
    return key.error();
  if (auto good = check(step); good.has_error())
    return good.error();
  error too_often{errc::too_large,
                  "the API key was narrowed as often as can be; narrow one "
                  "that it came from"};
  if (key->restrictions.size() >= limits::restrictions_max)
    return too_often;
  auto body = encode_restriction(step);
  key->tail = crypto::hmac_sha256(view_of(key->tail), body);
  key->restrictions.push_back(std::move(body));
  auto narrowed = to_text(*key);
  if (narrowed.size() > limits::api_key_characters_max)
    return too_often;
  return narrowed;
}

crypto::short_digest narrowing_of(const crypto::digest& tail) {
  auto whole = crypto::hash({"cloister narrowed key", view_of(tail)});
  crypto::short_digest name;
  std::copy_n(whole.begin(), name.size(), name.begin());
  return name;
}

std::optional<std::vector<crypto::short_digest>>
genuine_narrowings(const presented_key& key,
                   const crypto::secret_key& signing_key) {
  std::vector<crypto::short_digest> steps;
  auto tail = crypto::hmac_sha256(signing_key.view(), view_of(key.id));
  for (const auto& body : key.restrictions) {
    tail = crypto::hmac_sha256(view_of(tail), body);
    steps.push_back(narrowing_of(tail));
  }
  if (!crypto::equal_in_constant_time(view_of(tail), view_of(key.tail)))
    return std::nullopt;
  return steps;
}

result<void> narrow(authority& who, const restriction& step) {
  if (step.promote_to) {
    auto target = named_scope(who.root, *step.promote_to);
    if (target.has_error() || !may_write_to(who, *target))
      return void_key("share into a scope that its key cannot write to");
    who.promote_to = *target;
  }
  auto root = step.scope ? who.root.resolve(*step.scope) : who.root;
  if (root.has_error())
    return void_key("a scope that its key does not reach");
  who.ancestors = ancestors_within(who, asked_for(*root, step.ancestors));
  who.root = *root;
  if (step.permissions)
    who.permissions = who.permissions & *step.permissions;
  if (step.expires_at)
    who.expires_at
      = std::min(who.expires_at.value_or(*step.expires_at), *step.expires_at);
  return {};
}

} // namespace cloister::auth
